"""Writes the shipped weights: averaged over runs, calibrated, in half precision."""

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
from training import card, evaluate, metrics, plot
from training.calibrate import fold, temperature_of
from training.data import Corpus
from training.loop import predict
from training.network import LABELS, FirstToken, padding_of, tokenizer_of

FACTS = "training.json"
_NOT_OURS = {"_name_or_path", "transformers_version", "gradient_checkpointing", "use_cache"}


def averaged(runs: Sequence[Path]) -> dict[str, Tensor]:
    """Return the mean weights, float32, of runs with the same starting weights."""
    parts = [torch.load(run / "weights.pt", weights_only=True) for run in runs]
    mean = {name: torch.stack([part[name] for part in parts]).mean(0) for name in parts[0]}
    # The training wrapper prefixes the names of the library's model.
    return {name.removeprefix("model."): tensor for name, tensor in mean.items()}


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
        # Text goes through `normalise` before the tokenizer, for this model only.
        "feedback_normalise": True,
    }


def _facts_of(run: Path) -> Any:
    return json.loads((run / "run.json").read_text(encoding="utf-8"))


def with_earlier(facts: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """Return facts with what stays of the earlier ones: other runs, and the hand-written history.

    Runs such as the yardstick and the teacher are not repeated by every training.
    """
    others = {run["name"]: run for run in [*before.get("others", ()), *facts["others"]]}
    history = {"history": before["history"]} if "history" in before else {}
    return facts | {"others": list(others.values())} | history


def _val_logits(base: Path, weights: dict[str, Tensor], data: Corpus) -> Tensor:
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=len(LABELS))
    model.load_state_dict(weights)
    tokenizer = tokenizer_of(base, 256)
    texts = [normalise(example.text) for example in data.val]
    return predict(FirstToken(model), tokenizer, padding_of(tokenizer), texts)


def finish(
    base: Path, runs: Sequence[Path], others: Sequence[Path], data: Corpus, target: Path
) -> str:
    """Write the weights directory and return the report of its figures.

    Args:
        base: the pruned directory that the runs started from: tokenizer and configuration.
        runs: folders of the runs whose weights are averaged.
        others: folders of other runs for the card; of a missing one it keeps the earlier facts.
        data: for the temperature and the figures.
        target: the directory to write.
    """
    weights = averaged(runs)
    labels = torch.tensor([example.label for example in data.val])
    temperature = temperature_of(_val_logits(base, weights, data), labels)
    fold(weights, temperature)

    target.mkdir(parents=True, exist_ok=True)
    halves = {name: tensor.half().contiguous() for name, tensor in weights.items()}
    save_file(halves, target / "model.safetensors", metadata={"format": "pt"})
    (target / "config.json").write_text(json.dumps(_config(base), indent=1) + "\n")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (target / name).write_bytes((base / name).read_bytes())

    facts = {
        "runs": [_facts_of(run) for run in runs],
        "others": [_facts_of(run) for run in others if (run / "run.json").exists()],
        "temperature": temperature,
        "vocabulary": _config(base)["vocab_size"],
        "train_texts": len(data.train),
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
    """Evaluate the directory on validation, write its card and plot, and return the figures."""
    measured = evaluate.measure(target, data.val)
    bins = metrics.reliability(measured.probabilities, measured.labels)
    error = metrics.calibration_error(measured.probabilities, measured.labels)
    (target / "calibration.svg").write_text(plot.calibration_svg(bins, error))
    report = evaluate.report(target, data.val, measured)
    facts = json.loads((target / FACTS).read_text())
    (target / "README.md").write_text(card.card(facts, report), encoding="utf-8")
    return report
