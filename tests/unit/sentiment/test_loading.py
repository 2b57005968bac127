"""From a name to a classifier, or to one clear line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from feedback_app.sentiment.classifier import ModelError
from feedback_app.sentiment.loading import card_languages, find, load_local
from feedback_app.sentiment.normalise import normalise

from .model_files import texts, write_bert, write_distilbert


def test_the_order_of_labels_is_read_from_the_configuration(tmp_path: Path) -> None:
    # The same weights, named in two orders.
    one = write_bert(tmp_path / "one", ["negative", "neutral", "positive"])
    two = write_bert(tmp_path / "two", ["positive", "neutral", "negative"])
    some = texts(20)
    first, second = load_local(str(one), 1), load_local(str(two), 1)
    for a, b in zip(first.score(some), second.score(some), strict=True):
        assert a == pytest.approx((b.positive, b.neutral, b.negative), abs=1e-6)
    first.close()
    second.close()


def test_five_stars_fold_into_three(tmp_path: Path) -> None:
    stars = ["1 star", "2 stars", "3 stars", "4 stars", "5 stars"]
    classifier = load_local(str(write_bert(tmp_path, stars)), 1)
    for said in classifier.score(texts(10)):
        assert sum(said) == pytest.approx(1.0, abs=1e-3)
        assert min(said) > 0
    classifier.close()


def test_only_a_model_that_asks_for_it_is_given_normalised_text(tmp_path: Path) -> None:
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
def test_what_cannot_be_packed_goes_through_the_library(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    directory = write_bert(tmp_path, ["negative", "neutral", "positive"], **changes)
    classifier = load_local(str(directory), 1)
    assert classifier.name.endswith("(transformers fp32)")
    assert len(classifier.score(texts(3))) == 3
    classifier.close()


@pytest.mark.parametrize("act", ["gelu", "relu"], ids=["packed", "library"])
def test_texts_are_cut_to_what_a_short_model_can_read(tmp_path: Path, act: str) -> None:
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


def widen(directory: Path) -> None:
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"num_hidden_layers": 9}))


def behead(directory: Path) -> None:
    path = directory / "model.safetensors"
    kept = {name: one for name, one in load_file(path).items() if "classifier" not in name}
    save_file(kept, path, metadata={"format": "pt"})


def pickle_badly(directory: Path) -> None:
    (directory / "model.safetensors").unlink()
    (directory / "pytorch_model.bin").write_bytes(b"not weights")


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (damage_config, "config.json is not JSON"),
        (damage_weights, "does not load"),
        (pickle_badly, "does not load"),
        (behead, "no trained classifier: it has no .*classifier"),
    ],
)
def test_a_bad_directory_for_the_library_is_one_clear_line(
    tmp_path: Path, harm: Callable[[Path], None], words: str
) -> None:
    directory = write_distilbert(tmp_path, ["negative", "neutral", "positive"])
    harm(directory)
    with pytest.raises(ModelError, match=words) as caught:
        load_local(str(directory), 1)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (damage_config, "config.json is not JSON"),
        (drop_config, "config.json cannot be read"),
        (damage_weights, "model.safetensors cannot be read"),
        (damage_tokenizer, "tokenizer.json cannot be read"),
        (widen, "weights do not fit"),
    ],
)
def test_a_bad_directory_is_one_clear_line(
    tmp_path: Path, harm: Callable[[Path], None], words: str
) -> None:
    directory = write_bert(tmp_path, ["negative", "neutral", "positive"])
    harm(directory)
    with pytest.raises(ModelError, match=words) as caught:
        load_local(str(directory), 1)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["/no/such/place", "./missing", "a/b/c", "spaces in it"])
def test_what_is_neither_directory_nor_hub_name_is_not_asked_for(name: str) -> None:
    with pytest.raises(ModelError, match="no such directory"):
        find(name)


def test_a_model_that_the_hub_does_not_give_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, allow_patterns: list[str]) -> str:
        raise OSError(f"{name} is not there\nand a long explanation")

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    with pytest.raises(ModelError, match=r"some/model is not there$"):
        find("some/model")


def test_a_model_of_the_hub_without_safetensors_is_fetched_with_its_older_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def give(name: str, allow_patterns: list[str]) -> str:
        asked.append(allow_patterns)
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", give)
    assert find("some/model") == tmp_path
    assert "*.safetensors" in asked[0]
    assert "pytorch_model*.bin" in asked[1]


@pytest.mark.parametrize(
    ("card", "languages"),
    [
        (None, {"en"}),
        ("# A model without a head", {"en"}),
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
