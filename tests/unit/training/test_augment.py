"""Noise that keeps what a text says."""

import random

from hypothesis import given
from hypothesis import strategies as st

from training.augment import augment, drop_words, join_hashtags, mistype

TEXT = "the app does not work # Best Update never don't @user"
WORDS = st.lists(st.sampled_from(TEXT.split()))


@given(WORDS, st.integers())
def test_negations_survive_the_loss_of_words(words: list[str], seed: int) -> None:
    left = drop_words(" ".join(words), random.Random(seed)).split()
    for negation in ("not", "never", "don't"):
        assert left.count(negation) == words.count(negation)


@given(WORDS, st.integers())
def test_the_same_seed_gives_the_same_noise(words: list[str], seed: int) -> None:
    text = " ".join(words)
    assert augment(text, random.Random(seed)) == augment(text, random.Random(seed))


@given(st.text(max_size=60), st.integers())
def test_noise_survives_any_text(text: str, seed: int) -> None:
    assert isinstance(augment(text, random.Random(seed)), str)


def test_noise_changes_most_texts() -> None:
    rng = random.Random(1)
    text = "the export of the weekly report has been very slow since Monday"
    changed = [augment(text, rng) != text for _ in range(200)]
    assert 0.4 < sum(changed) / 200 < 0.9


def test_hashtags_lose_the_mark_or_the_space() -> None:
    seen = {join_hashtags("# Best Update today", random.Random(seed)) for seed in range(20)}
    assert seen == {"Best Update today", "#bestupdate today"}


def test_typing_errors_keep_short_words() -> None:
    assert mistype("it is not ok", random.Random(3)) == "it is not ok"
