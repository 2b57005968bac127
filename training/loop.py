"""The training loop: batches by length, checkpoints, resumption and a progress bar."""

import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from tokenizers import Tokenizer
from torch import Tensor, nn

from training.network import Batch, pad
from training.optimiser import MasterAdamW, Schedule

CHECKPOINT_SECONDS = 180.0
_LOG_SECONDS = 30.0
_POOL_OF_BATCHES = 40
_PREDICT_BATCH = 64


@dataclass(frozen=True)
class Plan:
    """Hyperparameters; `last` is the share of the last epoch to run (0 to 1)."""

    epochs: int
    batch: int
    peak: float
    layer_decay: float
    dropout: float
    seed: int
    weight_decay: float = 0.01
    average: float | None = None
    max_length: int = 96
    last: float = 1.0


def batches(
    lengths: Sequence[int], size: int, rng: random.Random, pool: int = _POOL_OF_BATCHES
) -> list[list[int]]:
    """Return shuffled batches of `size` positions, each of texts of similar length."""
    order = list(range(len(lengths)))
    rng.shuffle(order)
    result = []
    for start in range(0, len(order), size * pool):
        part = sorted(order[start : start + size * pool], key=lambda position: lengths[position])
        result += [part[at : at + size] for at in range(0, len(part), size)]
    rng.shuffle(result)
    return result


class Batches(Protocol):
    """Supplies the batches of an epoch, the same ones on every call."""

    def epoch(self, number: int) -> list[Callable[[], Batch]]:
        """Return the batches of an epoch, each built when called."""


class Feed:
    """Tokenises and batches the texts of an epoch, in an order given by the seed."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        padding: int,
        plan: Plan,
        texts_of_epoch: Callable[[int], list[str]],
    ) -> None:
        """Get the texts of an epoch, counted from 0, from `texts_of_epoch`."""
        self._tokenizer = tokenizer
        self._padding = padding
        self._plan = plan
        self._texts_of_epoch = texts_of_epoch

    def epoch(self, number: int) -> list[Callable[[], Batch]]:
        """Return the batches of an epoch, each built when called."""
        encoded = self._tokenizer.encode_batch_fast(self._texts_of_epoch(number))
        ids = [encoding.ids for encoding in encoded]
        rng = random.Random(f"{self._plan.seed} {number}")  # noqa: S311

        def batch(positions: list[int]) -> Batch:
            return Batch(*pad([ids[position] for position in positions], self._padding), positions)

        parts = batches([len(text) for text in ids], self._plan.batch, rng)
        return [lambda positions=positions: batch(positions) for positions in parts]  # type: ignore[misc]


def save(state: object, path: Path) -> None:
    """Write a checkpoint atomically."""
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    os.replace(temporary, path)


def progress_bar(console: Console) -> Progress:
    """Return a progress bar with elapsed and remaining time."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def fit(
    model: nn.Module,
    optimiser: MasterAdamW,
    feed: Batches,
    plan: Plan,
    loss_of: Callable[[Tensor, list[int]], Tensor],
    checkpoint: Path,
    after_epoch: Callable[[int], str],
) -> float:
    """Train to the end of the plan, resuming from the checkpoint if there is one.

    Args:
        model: maps ids and mask to logits.
        optimiser: holds the weights of `model`.
        feed: the batches of each epoch.
        plan: epochs and rates.
        loss_of: losses (texts,) of logits (float32) of the texts at the given positions.
        checkpoint: the file to write every few minutes.
        after_epoch: called with the number of the epoch; returns a line to print.

    Returns:
        Seconds spent in steps, including those before a resumption.
    """
    console = Console(stderr=True)
    epoch, done, seconds = 0, 0, 0.0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        epoch, done, seconds = saved["epoch"], saved["done"], saved["seconds"]
        optimiser.load(saved["optimiser"])
        console.print(f"resuming {checkpoint} at epoch {epoch + 1}, batch {done}")
    running, logged, saved_at = 0.0, time.monotonic(), time.monotonic()

    def write_checkpoint() -> None:
        state = {"epoch": epoch, "done": done, "seconds": seconds, "optimiser": optimiser.state()}
        save(state, checkpoint)

    with progress_bar(console) as bar:
        while epoch < plan.epochs:
            whole = feed.epoch(epoch)
            ending = round(len(whole) * plan.last)
            schedule = Schedule(plan.peak, len(whole) * (plan.epochs - 1) + ending)
            parts = whole if epoch + 1 < plan.epochs else whole[:ending]
            task = bar.add_task(f"epoch {epoch + 1} of {plan.epochs}", total=len(parts))
            model.train()
            while done < len(parts):
                started = time.monotonic()
                step = epoch * len(whole) + done
                # Seeded by step, so that a resumed run draws the same dropout.
                torch.manual_seed(plan.seed * 1_000_003 + step)
                batch = parts[done]()
                logits = model(batch.ids, batch.mask).float()
                loss = loss_of(logits, batch.positions).mean()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step(schedule.at(step), step)
                done += 1
                now = time.monotonic()
                seconds += now - started
                running = 0.98 * running + 0.02 * loss.item() if running else loss.item()
                bar.update(
                    task, completed=done, description=f"epoch {epoch + 1}, loss {running:.3f}"
                )
                if not console.is_terminal and now - logged > _LOG_SECONDS:
                    logged = now
                    console.print(
                        f"epoch {epoch + 1} batch {done}/{len(parts)} loss {running:.4f} "
                        f"{seconds:.0f} s"
                    )
                if now - saved_at > CHECKPOINT_SECONDS:
                    write_checkpoint()
                    saved_at = time.monotonic()
            console.print(after_epoch(epoch))
            epoch, done = epoch + 1, 0
            write_checkpoint()
    return seconds


@torch.inference_mode()
def predict(model: nn.Module, tokenizer: Tokenizer, padding: int, texts: Sequence[str]) -> Tensor:
    """Return the logits (texts, 3), float32."""
    model.eval()
    ids = [encoding.ids for encoding in tokenizer.encode_batch_fast(list(texts))]
    order = sorted(range(len(ids)), key=lambda position: len(ids[position]))
    logits = torch.empty(len(ids), 3)
    for start in range(0, len(order), _PREDICT_BATCH):
        positions = order[start : start + _PREDICT_BATCH]
        logits[positions] = model(*pad([ids[position] for position in positions], padding)).float()
    return logits
