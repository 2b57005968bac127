"""A language is returned only when it is certain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_app.sentiment.language import can_score, detect, language_of, tag_language

from .model_files import texts


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Das Update ist kaputt und niemand antwortet auf meine Nachrichten.", "de"),
        ("Votre application est vraiment excellente, merci beaucoup !", "fr"),
        ("Questa versione è fantastica, complimenti a tutti voi", "it"),
        ("La nueva versión no funciona y nadie me responde desde hace una semana", "es"),
        ("アプリが起動しません", "ja"),
        ("не работает", "ru"),
        ("안녕하세요 좋아요", "ko"),
        ("شكرا جزيلا", "ar"),
        ("谢谢，很好用", "zh"),
        ("無法登入", "zh"),
    ],
)
def test_clear_texts_are_detected(text: str, code: str) -> None:
    assert detect(text) == code


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ok",
        "Danke!",
        "😀😀😀",
        "\0\0\0",
        "https://example.org/changelog",
        "LOL que bueno",
        "This is great 日本",
        "Ｔｈｉｓ ｉｓ ｇｒｅａｔ",
        "𝓣𝓱𝓲𝓼 𝓲𝓼 𝓰𝓻𝓮𝓪𝓽 𝓷𝓮𝔀𝓼",
        "ThIs Is ThE wOrSt UpDaTe EvEr",
        "WORST UPDATE EVER",
        "teh app is awfull and crahses al the time",
        "Release notes: October 2, Yoga with Laura in Nigeria, September 11",
        "def main(args): return sys.exit(parse(args))",
        "half \ud83d a character in this English text",
    ],
)
def test_short_mixed_and_english_texts_are_not_detected_as_foreign(text: str) -> None:
    assert detect(text) in (None, "en")


def test_english_feedback_is_not_detected_as_foreign() -> None:
    assert {detect(text) for text in texts(300)} <= {None, "en"}


@given(st.text(alphabet=st.characters(), max_size=80))
def test_any_string_is_accepted(text: str) -> None:
    code = detect(text)
    assert code is None or code.isalpha()


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("en", "en"),
        ("en-GB", "en"),
        ("PT_br", "pt"),
        ("in", "id"),
        ("iw", "he"),
        ("und", None),
        ("qme", None),
        ("zxx", None),
        ("", None),
        (None, None),
    ],
)
def test_language_tags_of_the_source(tag: str | None, code: str | None) -> None:
    assert tag_language(tag) == code


def test_the_tag_of_the_source_takes_precedence() -> None:
    assert language_of("Danke, das hat mir wirklich sehr geholfen, liebe Leute", "nl") == "nl"
    assert language_of("Danke, das hat mir wirklich sehr geholfen, liebe Leute", "und") == "de"


def test_can_score() -> None:
    english = frozenset({"en"})
    assert can_score(english, "en")
    assert can_score(english, None)
    assert not can_score(english, "de")
    assert can_score(None, "de")
