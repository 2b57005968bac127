"""Loading a classifier by name; a failure is one clear line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from feedback_app.sentiment.classifier import ModelError
from feedback_app.sentiment.model_files import card_languages, find_model, load_local
from feedback_app.sentiment.normalise import normalise

from .model_files import texts, write_bert, write_distilbert


def test_the_order_of_labels_is_read_from_the_configuration(tmp_path: Path) -> None:
    # The same weights with two label orders.
    one = write_bert(tmp_path / "one", ["negative", "neutral", "positive"])
    two = write_bert(tmp_path / "two", ["positive", "neutral", "negative"])
    sample = texts(20)
    first, second = load_local(str(one), 1), load_local(str(two), 1)
    for a, b in zip(first.score(sample), second.score(sample), strict=True):
        assert a == pytest.approx((b.positive, b.neutral, b.negative), abs=1e-6)
    first.close()
    second.close()


def test_five_stars_map_to_three_classes(tmp_path: Path) -> None:
    stars = ["1 star", "2 stars", "3 stars", "4 stars", "5 stars"]
    classifier = load_local(str(write_bert(tmp_path, stars)), 1)
    for result in classifier.score(texts(10)):
        assert sum(result) == pytest.approx(1.0, abs=1e-3)
        assert min(result) > 0
    classifier.close()


def test_text_is_normalised_only_for_a_model_that_requests_it(tmp_path: Path) -> None:
    labels = ["negative", "neutral", "positive"]
    text = "the export is #broken :( <https://example.org|page> @someone"
    plain = load_local(str(write_bert(tmp_path / "plain", labels)), 1)
    ours = load_local(str(write_bert(tmp_path / "ours", labels, feedback_normalise=True)), 1)
    assert ours.score([text]) == plain.score([normalise(text)])
    assert ours.score([text]) != plain.score([text])
    plain.close()
    ours.close()


@pytest.mark.parametrize(
    "changes", [{"position_embedding_type": "relative_key"}, {"hidden_act": "relu"}]
)
def test_an_unsupported_configuration_uses_the_library(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    directory = write_bert(tmp_path, ["negative", "neutral", "positive"], **changes)
    classifier = load_local(str(directory), 1)
    assert classifier.name.endswith("(transformers fp32)")
    assert len(classifier.score(texts(3))) == 3
    classifier.close()


@pytest.mark.parametrize("act", ["gelu", "relu"], ids=["packed", "library"])
def test_texts_are_truncated_to_the_positions_of_the_model(tmp_path: Path, act: str) -> None:
    labels = ["negative", "neutral", "positive"]
    directory = write_bert(tmp_path, labels, positions=40, hidden_act=act)
    classifier = load_local(str(directory), 1)
    long, longer = classifier.score(["the update " * 40, "the update " * 4000])
    assert long == longer
    classifier.close()


def damage_config(directory: Path) -> None:
    (directory / "config.json").write_text("{")


def drop_config(directory: Path) -> None:
    (directory / "config.json").unlink()


def damage_weights(directory: Path) -> None:
    (directory / "model.safetensors").write_bytes(b"not weights")


def damage_tokenizer(directory: Path) -> None:
    (directory / "tokenizer.json").write_text("{}")


def add_missing_layers(directory: Path) -> None:
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"num_hidden_layers": 9}))


def drop_classifier_head(directory: Path) -> None:
    path = directory / "model.safetensors"
    tensors = {name: tensor for name, tensor in load_file(path).items() if "classifier" not in name}
    save_file(tensors, path, metadata={"format": "pt"})


def damage_pickle(directory: Path) -> None:
    (directory / "model.safetensors").unlink()
    (directory / "pytorch_model.bin").write_bytes(b"not weights")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (damage_config, "config.json is not JSON"),
        (damage_weights, "does not load"),
        (damage_pickle, "does not load"),
        (drop_classifier_head, "not a trained classifier: it lacks .*classifier"),
    ],
)
def test_a_bad_directory_for_the_library_is_one_clear_line(
    tmp_path: Path, damage: Callable[[Path], None], words: str
) -> None:
    directory = write_distilbert(tmp_path, ["negative", "neutral", "positive"])
    damage(directory)
    with pytest.raises(ModelError, match=words) as caught:
        load_local(str(directory), 1)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (damage_config, "config.json is not JSON"),
        (drop_config, "config.json cannot be read"),
        (damage_weights, "model.safetensors cannot be read"),
        (damage_tokenizer, "tokenizer.json cannot be read"),
        (add_missing_layers, "weights do not fit"),
    ],
)
def test_a_bad_directory_is_one_clear_line(
    tmp_path: Path, damage: Callable[[Path], None], words: str
) -> None:
    directory = write_bert(tmp_path, ["negative", "neutral", "positive"])
    damage(directory)
    with pytest.raises(ModelError, match=words) as caught:
        load_local(str(directory), 1)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["/no/such/place", "./missing", "a/b/c", "spaces in it"])
def test_an_invalid_hub_name_is_not_requested(name: str) -> None:
    with pytest.raises(ModelError, match="no such directory"):
        find_model(name)


def test_a_model_that_the_hub_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, allow_patterns: list[str]) -> str:
        raise OSError(f"{name} is not there\nand a long explanation")

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    with pytest.raises(ModelError, match=r"sample/model is not there$"):
        find_model("sample/model")


def test_a_model_of_the_hub_without_safetensors_is_downloaded_with_its_pickled_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patterns: list[list[str]] = []

    def download(name: str, allow_patterns: list[str]) -> str:
        patterns.append(allow_patterns)
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    assert find_model("sample/model") == tmp_path
    assert "*.safetensors" in patterns[0]
    assert "pytorch_model*.bin" in patterns[1]


@pytest.mark.parametrize(
    ("card", "languages"),
    [
        (None, {"en"}),
        ("# A model without front matter", {"en"}),
        ("---\nlicense: mit\n---\n", {"en"}),
        ("---\nlanguage: de\n---\n", {"de"}),
        ("---\nlanguage:\n- en\n- fr\nlicense: mit\n---\n", {"en", "fr"}),
        ("---\nlanguage: [en, es]\n---\n", {"en", "es"}),
        ("---\nlanguage: multilingual\n---\n", None),
        ("---\nlanguage: English\n---\n", {"en"}),
        ("---\nlanguage: eng\n---\n", {"en"}),
        ("---\nlanguage: pt-BR\n---\n", {"pt"}),
    ],
)
def test_languages_of_the_model_card(
    tmp_path: Path, card: str | None, languages: set[str] | None
) -> None:
    if card is not None:
        (tmp_path / "README.md").write_text(card)
    assert card_languages(tmp_path) == languages
