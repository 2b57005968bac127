"""Writes the model card from the facts of training and the measured figures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training import by_source
from training.by_source import Figures
from training.terms import KINDS_AND_TERMS

_HEAD = Path(__file__).with_name("card_head.md")
_TAIL = Path(__file__).with_name("card_tail.md")
_RECIPE = Path(__file__).with_name("card_recipe.md")


def _run_row(run: Mapping[str, Any], remark: str = "") -> str:
    plan = run["recipe"]["plan"]
    vals = ", ".join(f"{epoch['val_macro_recall']:.4f}" for epoch in run["epochs"])
    means = ", ".join(f"{epoch['mean']['macro_recall']:.4f}" for epoch in run["epochs"])
    epochs = plan["epochs"] - 1 + plan["last"]
    minutes = run["seconds"] / 60
    return (
        f"| {run['name']}{remark} | {plan['seed']} | {run['texts']:,} | {epochs:g} | {vals} "
        f"| {means} | {minutes:.0f} |"
    )


def _source_row(source: str, row: Mapping[str, Any]) -> str:
    kind, terms = KINDS_AND_TERMS[source]
    counts = f"{row['all']:,} | {row['used']:,}"
    return f"| `{source}` | {kind} | {counts} | {row['weight']:g} | {terms} |"


def _left_out_row(row: Mapping[str, Any]) -> str:
    mean = row["mean"]
    texts = f"{row['texts']:,}" if row["texts"] else ""
    return (
        f"| {row['left_out']} | {row['recipe']} | {texts} | {mean['macro_recall']:.3f} "
        f"| {mean['neutral_recall']:.3f} "
        f"| {mean['alert_precision']:.3f}, {mean['alert_recall']:.3f} "
        f"| {mean['calibration_error']:.3f} |"
    )


def card(facts: Mapping[str, Any], sources: Mapping[str, Figures], report: str) -> str:
    """Return the card as Markdown.

    The paragraphs in `history` tell what the recipe does not: departures from it, what failed.

    Args:
        facts: of training, as `finish` collects them.
        sources: measured figures of each source of validation text.
        report: measured figures on `val.jsonl`, as Markdown.
    """
    recipe = _RECIPE.read_text(encoding="utf-8").format(temperature=facts["temperature"])
    before = {name: Figures(**row) for name, row in facts["before"].items()}
    head = _HEAD.read_text(encoding="utf-8").format(
        recipe=recipe.strip(),
        vocabulary=f"{facts['vocabulary']:,}",
        texts=f"{sum(row['used'] for row in facts['sources'].values()):,}",
        own=f"{facts['own_texts']:,}",
        val=f"{facts['val_texts']:,}",
        runs="\n".join(
            [
                *(_run_row(run) for run in facts["others"]),
                *(_run_row(run, " (shipped)") for run in facts["runs"]),
            ]
        ),
        history="".join(f"\n{line}\n" for line in facts.get("history", ())),
        sources="\n".join(_source_row(name, row) for name, row in facts["sources"].items()),
        left_out="\n".join(_left_out_row(row) for row in facts.get("left_out", ())),
        by_source="\n".join(by_source.table(sources)),
        before="\n".join(by_source.table(before)) if before else "(not recorded)",
        python=facts["python"],
        **facts["versions"],
    )
    return head + report + _TAIL.read_text(encoding="utf-8")
