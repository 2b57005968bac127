"""`python -m training`: from the data folder to the weights and their card."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from rich.console import Console

from feedback_app.sentiment.normalise import normalise
from training import outputs, recipes, runs, vocabulary
from training.base import MissingWeights, student_weights
from training.data import Corpus, Example, corpus
from training.finish import describe, finish
from training.network import tokenizer_of
from training.runs import Recipe
from training.sources import expanded, mixed

WEIGHTS = Path(__file__).parents[1] / "feedback_app" / "sentiment" / "weights"
LEAVE_OUT = "leave-out"


class Job(NamedTuple):
    """What a stage works on."""

    data: Corpus
    work: Path
    left_out: tuple[str, ...]
    variant: str


def pruned_base(job: Job) -> Path:
    """Return the student's base with its vocabulary cut, made on first use."""
    target = job.work / "base" / "student"
    if not (target / "model.safetensors").exists():
        source = student_weights()
        tokenizer = tokenizer_of(source, recipes.POSITIONS)
        examples = mixed(job.data.train, recipes.VOCABULARY_TEXT) + job.data.own
        texts = [normalise(example.text) for example in examples]
        counts = vocabulary.count(tokenizer, texts, [example.label for example in examples])
        wanted = vocabulary.PRODUCT_WORDS.read_text(encoding="utf-8").split()
        pieces = vocabulary.choose(tokenizer.get_vocab(), counts, wanted, recipes.VOCABULARY)
        vocabulary.prune(source, target, pieces, recipes.POSITIONS)
    return target


def training_text(data: Corpus, recipe: Recipe) -> list[Example]:
    """Return the text of a recipe: its mixture, then our own words."""
    return mixed(data.train, recipe.mixture) + data.own


def _trained(job: Job, name: str, recipe: Recipe, taught: bool, start: Path | None) -> Path:
    examples = training_text(job.data, recipe)
    texts = [example.text for example in examples]
    return runs.train(
        f"{name}-{recipe.plan.seed}",
        pruned_base(job),
        examples,
        job.data.val + job.data.extra_val,
        recipe,
        job.work,
        outputs.read(outputs.SHIPPED, texts) if taught else None,
        start,
    )


def student(job: Job) -> list[Path]:
    """Train the student: on tweets, then twice on all sources, the mean of two runs each time."""
    warm = _trained(job, "warm-up", recipes.WARM_UP, False, None)
    tweets = _trained(job, "tweets", recipes.TWEET_STUDENT, True, warm)
    made = [_trained(job, "student", recipe, True, tweets) for recipe in recipes.STUDENTS]
    mean = job.work / "mean"
    mean.mkdir(exist_ok=True)
    torch.save(runs.mean_of(made), mean / "weights.pt")
    return [_trained(job, "final", recipe, True, mean) for recipe in recipes.FINALS]


def finished(job: Job) -> None:
    """Average, calibrate and write the weights, the card and the plot."""
    made = [job.work / f"final-{recipe.plan.seed}" for recipe in recipes.FINALS]
    others = [job.work / name for name in ("warm-up-100", "tweets-1", "student-1", "student-2")]
    unseen = sorted((job.work / LEAVE_OUT).glob("*/run.json"))
    print(finish(pruned_base(job), made, others, unseen, job.data, recipes.EVERYTHING, WEIGHTS))


def evaluate(job: Job) -> None:
    """Measure the shipped weights on validation text and write their card again."""
    print(describe(WEIGHTS, job.data))


def left_out(job: Job) -> None:
    """Train a short run without the sources or groups of --leave-out and measure on them."""
    folder = runs.leave_out(
        job.data.train,
        job.data.extra_val,
        expanded(job.left_out),
        pruned_base(job),
        recipes.VARIANTS[job.variant],
        job.work / LEAVE_OUT,
        f"{job.variant}@{'+'.join(job.left_out)}",
    )
    print(json.dumps(json.loads((folder / "run.json").read_text())["epochs"][-1], indent=1))


def everything(job: Job) -> None:
    """Run student and finish; the outputs of the teachers come with the project."""
    student(job)
    finished(job)


STAGES: dict[str, Callable[[Job], object]] = {
    "all": everything,
    "student": student,
    "finish": finished,
    "evaluate": evaluate,
    "leave-out": left_out,
}


def main() -> int:
    """Run a stage; 0 if it went through, 2 if something to start from is missing."""
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
        help="folder with train, val, extra and extra-val.jsonl (default: FEEDBACK_TRAIN_DATA)",
    )
    parser.add_argument(
        "--work", type=Path, default=Path("data/training"), help="folder of checkpoints and runs"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--leave-out", nargs="+", default=[], help="sources or groups, for the stage leave-out"
    )
    parser.add_argument(
        "--variant",
        default="by-source",
        choices=recipes.VARIANTS,
        help="for the stage leave-out",
    )
    given = parser.parse_args()
    errors = Console(stderr=True)
    if given.data is None:
        errors.print(
            "set FEEDBACK_TRAIN_DATA to the folder with train, extra, val and extra-val.jsonl"
        )
        return 2
    torch.set_num_threads(given.threads)
    try:
        job = Job(corpus(Path(given.data)), given.work, tuple(given.leave_out), given.variant)
        STAGES[given.stage](job)
    except (MissingWeights, OSError, ValueError) as error:
        errors.print(str(error), markup=False)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
