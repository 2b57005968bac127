"""Any string becomes one that a tokenizer takes."""

from hypothesis import given
from hypothesis import strategies as st

from feedback_app.sentiment.prepare import MAX_CHARACTERS, prepare

any_text = st.text(alphabet=st.characters(), max_size=200)


@given(any_text)
def test_every_string_can_be_encoded_and_what_could_be_before_is_unchanged(text: str) -> None:
    prepared = prepare(text)
    prepared.encode()
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    assert prepared == text


def test_halves_of_a_character_come_together() -> None:
    assert prepare("\ud83d\ude00") == "😀"
    assert prepare("a\ud83d b") == "a\ufffd b"


def test_long_texts_are_cut_before_and_after_normalising() -> None:
    seen: list[int] = []

    def double(text: str) -> str:
        seen.append(len(text))
        return text * 2

    assert len(prepare("x" * 100_000, double)) == MAX_CHARACTERS
    assert seen == [MAX_CHARACTERS]
