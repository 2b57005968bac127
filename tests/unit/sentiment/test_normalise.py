"""Normalisation of a text before tokenisation."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_app.sentiment.normalise import normalise


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain words stay", "plain words stay"),
        ("Case and marks stay, too!", "Case and marks stay, too!"),
        ("", ""),
        (" two\n\tspaces  ", "two spaces"),
        # users and links
        ("@anna_b thanks", "@user thanks"),
        ("@anna @bob, @carl look", "@user look"),
        ("see https://example.com/a?b=c#d now", "see http now"),
        ("www.example.com/x", "http"),
        ("mail me@example.com", "mail email"),
        # hashtags
        ("#BestUpdateEver", "# Best Update Ever"),
        ("#iPhone15", "# iPhone 15"),
        ("#APIDown #two_words", "# API Down # two words"),
        # Slack
        ("<@U12AB> hi", "@user hi"),
        ("<@U12AB|anna> hi", "@user hi"),
        ("<https://example.com|the docs>", "the docs http"),
        ("<https://example.com>", "http"),
        ("<#C123|general>", "# general"),
        ("<!here> hello", "@user hello"),
        ("it's *very* _slow_ ~today~", "it's very slow today"),
        ("```\nTraceback: fatal error\n``` what is this?", "code what is this?"),
        ("run `make test`", "run make test"),
        (":thumbsup: :+1:", "thumbs up thumbs up"),
        (":wave::skin-tone-2: hello", "wave hello"),
        # emoji and emoticons
        ("👍🏽", "thumbs up"),
        ("😡😡😡", "angry face"),
        ("❤️", "love heart"),
        ("🦥", "sloth"),
        ("nice :)", "nice smiling face"),
        ("oh :-(", "oh sad face"),
        ("<3", "love heart"),
        # elongated words and punctuation
        ("soooo slooooow", "so slow"),
        ("yesssss!!!!!!!", "yes!!!"),
        ("so good", "so good"),
        # false positives to avoid
        ("at 10:30 or 11:45:00", "at 10:30 or 11:45:00"),
        ("a < b and c > d", "a < b and c > d"),
        ("f*** this", "f*** this"),
        ("snake_case_name", "snake_case_name"),
        # escapes found in data sets and exports
        ("it\\u2019s fine", "it's fine"),
        ("R&amp;D", "R&D"),
        ("“quoted” – it’s…", '"quoted" - it\'s...'),
    ],
)
def test_normalise(text: str, expected: str) -> None:
    assert normalise(text) == expected


@given(st.text(st.characters(exclude_categories=()), max_size=400))
def test_any_text_gives_one_line_without_outer_spaces(text: str) -> None:
    result = normalise(text)
    assert result == " ".join(result.split())


@given(st.text(alphabet="ab <>|@#!:*_~`.\\u0()😡👍http/&;-=", max_size=200))
def test_no_markup_raises(text: str) -> None:
    assert isinstance(normalise(text), str)


@given(
    st.lists(st.sampled_from(["\\ud83d", "\\uDE21", "\\u0041", "\\u00e9", "\\u", " ", "é", "a"]))
)
def test_escapes_give_no_lone_surrogates(parts: list[str]) -> None:
    result = normalise("".join(parts))
    assert result.encode().decode() == result


def test_an_escaped_emoji_is_decoded() -> None:
    assert normalise("so \\ud83d\\ude21 about it") == normalise("so \U0001f621 about it")


@given(st.text(alphabet="abcdefgh ,.", max_size=80).filter(lambda text: "aaa" not in text))
def test_plain_words_are_kept_apart_from_spaces_and_repetition(text: str) -> None:
    if all(a != b for a, b in pairwise(text)):
        assert normalise(text) == " ".join(text.split())


@pytest.mark.parametrize(
    "piece",
    ["*a ", "<", "<@", "```", "`", ":a", "@a", "#a", "a", "-_", "😡", "\\u", "&", "((", "a@b."],
)
def test_time_is_linear_in_the_length(piece: str) -> None:
    text = (piece * 4096)[:4096]
    started = time.process_time()
    normalise(text)
    # Milliseconds; a pattern that backtracks over the whole text would take seconds.
    assert time.process_time() - started < 0.5
