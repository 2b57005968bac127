"""Model directories, written once per test session."""

from pathlib import Path

import pytest

from .model_files import write_bert, write_distilbert


@pytest.fixture(scope="session")
def small_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a BERT with three classes in an unusual order."""
    return write_bert(tmp_path_factory.mktemp("bert"), ["positive", "negative", "neutral"])


@pytest.fixture(scope="session")
def small_distilbert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a DistilBERT with two classes."""
    return write_distilbert(tmp_path_factory.mktemp("distilbert"), ["NEGATIVE", "POSITIVE"])
