"""Makes the shipped directory of trained weights: averaged, calibrated, in half precision."""

import json
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import AutoModelForSequenceClassification

from feedback_app.sentiment.normalise import normalise
from training import by_source, card, evaluate, metrics, plot
from training.calibrate import even_weights, fold, temperature_of
from training.data import Corpus
from training.loop import predict
from training.network import LABELS, FirstToken, padding_of, tokenizer_of
from training.runs import mean_of
from training.sources import Mixture, family, grouped, mixed

FACTS = "training.json"
_NOT_OURS = {"_name_or_path", "transformers_version", "gradient_checkpointing", "use_cache"}


def _config(base: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((base / "config.json").read_text(encoding="utf-8"))
    config = {key: value for key, value in config.items() if key not in _NOT_OURS}
    return config | {
        "architectures": ["BertForSequenceClassification"],
        "id2label": {str(index): label for index, label in enumerate(LABELS)},
        "label2id": {label: index for index, label in enumerate(LABELS)},
        "problem_type": "single_label_classification",
        "dtype": "float16",
        "language": ["en"],
        # Text goes through `normalise` before the tokenizer; another model is not to be treated so.
        "feedback_normalise": True,
    }


def _told(run: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((run / "run.json").read_text(encoding="utf-8"))
    for epoch in told["epochs"]:
        # Measured on the way; the card has the figures of the finished weights.
        del epoch["sources"]
    return told


def with_earlier(facts: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """Return facts with what earlier facts tell beside the runs themselves.

    Runs that were not made again, such as those that left sources out, the figures of the weights
    that these replace, and what somebody wrote down by hand.
    """
    told = {run["name"]: run for run in [*before.get("others", ()), *facts["others"]]}
    rows = [*before.get("left_out", ()), *facts["left_out"]]
    left_out = {(row["left_out"], row["recipe"]): row for row in rows}
    kept = {key: before[key] for key in ("history", "before") if key in before}
    merged = {"others": list(told.values()), "left_out": list(left_out.values())}
    return {"before": {}} | facts | merged | kept


def left_out_row(path: Path) -> dict[str, Any]:
    """Return what the card tells of a run that left sources out, from its `run.json`."""
    run = json.loads(path.read_text(encoding="utf-8"))
    recipe, _, left_out = run["name"].partition("@")
    return {
        "left_out": left_out,
        "recipe": recipe,
        "texts": run["texts"],
        "mean": run["epochs"][-1]["mean"],
    }


def used_of_sources(data: Corpus, mixture: Mixture) -> dict[str, dict[str, float]]:
    """Return of each source how many texts there are, how many are used, and their weight."""
    used = grouped(mixed(data.train, mixture))
    return {
        source: {
            "all": len(examples),
            "used": len(used.get(source, ())),
            "weight": mixture.weights.get(source, 1.0),
        }
        for source, examples in grouped(data.train).items()
    }


def _logits(base: Path, weights: dict[str, Tensor], texts: Sequence[str]) -> Tensor:
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=len(LABELS))
    model.load_state_dict(weights)
    tokenizer = tokenizer_of(base, 256)
    prepared = [normalise(text) for text in texts]
    return predict(FirstToken(model), tokenizer, padding_of(tokenizer), prepared)


def finish(
    base: Path,
    runs: Sequence[Path],
    others: Sequence[Path],
    unseen: Sequence[Path],
    data: Corpus,
    mixture: Mixture,
    target: Path,
) -> str:
    """Write the weights directory and return the report of its figures.

    Args:
        base: the pruned directory that the runs started from: tokenizer and configuration.
        runs: folders of the runs whose weights are averaged.
        others: folders of runs that the card tells of beside them; of those not there
            it tells what it told before.
        unseen: `run.json` of runs that left sources out.
        data: for the temperature and the figures.
        mixture: what the runs were trained on.
        target: the directory to write.
    """
    # The training wrapper's name for the library's model is no part of the format.
    weights = {name.removeprefix("model."): one for name, one in mean_of(runs).items()}
    held_out = data.val + data.extra_val
    logits = _logits(base, weights, [example.text for example in held_out])
    temperature = temperature_of(
        logits,
        torch.tensor([example.label for example in held_out]),
        even_weights([family(example.source) for example in held_out]),
    )
    fold(weights, temperature)

    target.mkdir(parents=True, exist_ok=True)
    halves = {name: tensor.half().contiguous() for name, tensor in weights.items()}
    save_file(halves, target / "model.safetensors", metadata={"format": "pt"})
    (target / "config.json").write_text(json.dumps(_config(base), indent=1) + "\n")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (target / name).write_bytes((base / name).read_bytes())

    facts = {
        "runs": [_told(run) for run in runs],
        "others": [_told(run) for run in others if (run / "run.json").exists()],
        "left_out": [left_out_row(path) for path in unseen],
        "temperature": temperature,
        "vocabulary": _config(base)["vocab_size"],
        "sources": used_of_sources(data, mixture),
        "own_texts": len(data.own),
        "val_texts": len(data.val),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("torch", "transformers", "tokenizers")},
    }
    path = target / FACTS
    facts = with_earlier(facts, json.loads(path.read_text()) if path.exists() else {})
    path.write_text(json.dumps(facts, indent=1) + "\n")
    return describe(target, data)


def describe(target: Path, data: Corpus) -> str:
    """Measure the directory on validation text, write its card and plot, return the figures."""
    held_out = data.val + data.extra_val
    measured = evaluate.measure(target, held_out)
    bins = metrics.reliability(measured.probabilities, measured.labels)
    error = metrics.calibration_error(measured.probabilities, measured.labels)
    (target / "calibration.svg").write_text(plot.calibration_svg(bins, error))
    sources = by_source.measure(measured.probabilities, held_out)
    report = evaluate.report(target, data.val, measured.first(len(data.val)))
    facts = json.loads((target / FACTS).read_text())
    (target / "README.md").write_text(card.card(facts, sources, report), encoding="utf-8")
    return "\n".join(by_source.table(sources)) + "\n\n" + report
