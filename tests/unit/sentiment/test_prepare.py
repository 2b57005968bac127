"""Any string becomes valid input for a tokenizer."""

from hypothesis import given
from hypothesis import strategies as st

from feedback_app.sentiment.prepare import MAX_CHARACTERS, prepare

any_text = st.text(alphabet=st.characters(), max_size=200)


@given(any_text)
def test_every_string_becomes_encodable_and_valid_ones_are_unchanged(text: str) -> None:
    prepared = prepare(text)
    prepared.encode()
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    assert prepared == text


def test_surrogate_pairs_are_joined() -> None:
    assert prepare("\ud83d\ude00") == "😀"
    assert prepare("a\ud83d b") == "a\ufffd b"


def test_long_texts_are_truncated_before_and_after_normalising() -> None:
    seen: list[int] = []

    def double(text: str) -> str:
        seen.append(len(text))
        return text * 2

    assert len(prepare("x" * 100_000, double)) == MAX_CHARACTERS
    assert seen == [MAX_CHARACTERS]
