"""Which texts are trained on: caps, weights, sources left out."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.data import Example
from training.sources import GROUPS, Mixture, expanded, family, grouped, mixed, weights_of
from training.terms import KINDS_AND_TERMS

EXAMPLES = [
    Example(f"{source} {number}", number % 3, source)
    for source, count in (("a", 30), ("b", 8), ("semeval2013dev", 5), ("semeval2016test", 7))
    for number in range(count)
]


def counts(examples: list[Example]) -> Counter[str]:
    return Counter(family(example.source) for example in examples)


def test_a_cap_holds_and_leaves_smaller_sources_whole() -> None:
    assert counts(mixed(EXAMPLES, Mixture(caps={"a": 10, "b": 10}))) == {
        "a": 10,
        "b": 8,
        "semeval-tweets": 12,
    }


def test_a_cap_of_nothing_leaves_a_source_out() -> None:
    assert set(counts(mixed(EXAMPLES, Mixture(caps={"a": 0})))) == {"b", "semeval-tweets"}


def test_a_share_is_taken_of_what_the_caps_leave() -> None:
    assert counts(mixed(EXAMPLES, Mixture(caps={"a": 10}, share=0.5))) == {
        "a": 5,
        "b": 4,
        "semeval-tweets": 6,
    }


@given(st.integers(0, 5), st.floats(0.1, 1.0))
def test_the_choice_is_the_seeds_and_no_text_comes_twice(seed: int, share: float) -> None:
    mixture = Mixture(caps={"a": 20}, share=share, seed=seed)
    chosen = mixed(EXAMPLES, mixture)
    assert chosen == mixed(EXAMPLES, mixture)
    assert len(set(chosen)) == len(chosen)
    assert set(chosen) <= set(EXAMPLES)


def test_another_seed_takes_other_texts() -> None:
    one, other = (mixed(EXAMPLES, Mixture({"a": 10}, seed=seed)) for seed in (1, 2))
    assert set(one) != set(other)


def test_no_text_of_a_left_out_source_is_trained_on() -> None:
    assert set(counts(mixed(EXAMPLES, Mixture(), left_out={"a", "semeval-tweets"}))) == {"b"}


def test_what_is_left_out_does_not_change_the_choice_from_the_others() -> None:
    mixture = Mixture(caps={"a": 10})
    whole = [example for example in mixed(EXAMPLES, mixture) if example.source == "a"]
    assert whole == [e for e in mixed(EXAMPLES, mixture, left_out={"b"}) if e.source == "a"]


def test_a_group_stands_for_its_sources_and_a_source_for_itself() -> None:
    assert expanded(["developer", "airline"]) == {*GROUPS["developer"], "airline"}


def test_no_source_is_in_two_groups_and_the_card_knows_each() -> None:
    sources = [source for group in GROUPS.values() for source in group]
    assert len(set(sources)) == len(sources)
    assert KINDS_AND_TERMS.keys() == {*sources, "semeval-tweets"}


def test_weights_are_those_of_the_source() -> None:
    weights = weights_of(EXAMPLES, Mixture(weights={"b": 0.5}))
    assert {e.source: w for e, w in zip(EXAMPLES, weights, strict=True)} == {
        "a": 1.0,
        "b": 0.5,
        "semeval2013dev": 1.0,
        "semeval2016test": 1.0,
    }


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("semeval2016test", "semeval-tweets"),
        ("semeval2014sarcasm", "semeval-tweets"),
        ("semeval14-laptop", "semeval14-laptop"),
        ("airline", "airline"),
    ],
)
def test_the_semeval_tweets_are_one_source(source: str, expected: str) -> None:
    assert family(source) == expected


def test_grouping_keeps_every_text() -> None:
    assert sum(len(examples) for examples in grouped(EXAMPLES).values()) == len(EXAMPLES)
