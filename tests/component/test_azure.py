"""Azure AI Language as a `Classifier`, against a stand-in of the service."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp import web

from feedback_app.sentiment.azure import AzureAccount, AzureClassifier
from feedback_app.sentiment.classifier import (
    Classifier,
    ClassifierUnavailable,
    ModelError,
    Probabilities,
    TaggedText,
    TextsRefused,
)

from .azure_standin import KEY, AzureService, problem, served

NO_SHARES = {
    "results": {
        "documents": [{"id": "0", "confidenceScores": {"negative": 0, "neutral": 0, "positive": 0}}]
    }
}


@pytest.fixture
async def service() -> AsyncIterator[AzureService]:
    async with served() as running:
        yield running


@pytest.fixture
def classifier(service: AzureService) -> Iterator[AzureClassifier]:
    made = AzureClassifier(AzureAccount(service.endpoint + "/", KEY))
    yield made
    made.close()


async def score(classifier: AzureClassifier, texts: list[str]) -> list[Probabilities]:
    return await asyncio.to_thread(classifier.score, texts)


async def test_texts_go_out_ten_a_request_and_come_back_in_order(
    service: AzureService, classifier: AzureClassifier
) -> None:
    moods = ["negative", "neutral", "positive"]
    texts = [f"{moods[number % 3]} text number {number}" for number in range(47)]
    said = await score(classifier, texts)
    assert [one.label for one in said] == [moods[number % 3] for number in range(47)]
    assert sorted(len(documents) for documents in service.requests) == [7, 10, 10, 10, 10]
    assert sorted(service.texts()) == sorted(texts)


async def test_rounded_shares_are_made_to_add_up(classifier: AzureClassifier) -> None:
    (said,) = await score(classifier, ["positive text"])
    assert sum(said) == pytest.approx(1.0)
    assert said.positive == pytest.approx(0.87 / 0.99)


async def test_a_blank_text_is_neutral_and_not_sent(
    service: AzureService, classifier: AzureClassifier
) -> None:
    said = await score(classifier, ["", " \n", "\0\0", "positive text"])
    assert [one.label for one in said] == ["neutral"] * 3 + ["positive"]
    assert service.texts() == ["positive text"]


async def test_odd_texts_are_cut_and_mended(
    service: AzureService, classifier: AzureClassifier
) -> None:
    said = await score(classifier, ["x" * 100_000, "half \ud83d", "😀" * 6000])
    assert len(said) == 3
    assert max(map(len, service.texts())) <= 5120


async def test_a_text_is_sent_in_the_language_that_it_is_clearly_in(
    service: AzureService, classifier: AzureClassifier
) -> None:
    german = "Das Update ist kaputt und niemand antwortet auf meine Nachrichten."
    await score(classifier, [german, "ok"])
    (documents,) = service.requests
    assert {d["text"]: d["language"] for d in documents} == {german: "de", "ok": "en"}


async def test_a_text_is_sent_in_the_language_that_its_source_names(
    service: AzureService, classifier: AzureClassifier
) -> None:
    await score(classifier, [TaggedText("C'est nul.", "fr"), "C'est nul.", TaggedText("ok", "tlh")])
    (documents,) = service.requests
    assert [d["language"] for d in documents] == ["fr", "en", "en"]


async def test_errors_of_single_texts_stay_apart(classifier: AzureClassifier) -> None:
    texts = [f"positive {number}" for number in range(15)]
    texts[4] = "forbidden words"
    with pytest.raises(TextsRefused) as caught:
        await score(classifier, texts)
    assert caught.value.reasons == {4: "UnsupportedContent: Not this one."}
    assert [place for place, one in enumerate(caught.value.results) if one is None] == [4]


@pytest.mark.parametrize(
    ("response", "words", "retry_after"),
    [
        (problem(429, "429", "Too many requests.", Retry_After="7"), "429", 7.0),
        (problem(429, "429", "Too many requests."), "429", None),
        (problem(503, "ServiceUnavailable", "Down.", Retry_After="Wed, 1 Jan"), "503", None),
        (problem(401, "401", "Invalid key."), "check FEEDBACK_AZURE_KEY", None),
        (web.Response(status=502, text="<html>"), "502", None),
        (web.Response(text="not json"), "does not respond", None),
        (web.json_response({"results": {}}), "unexpected response", None),
        (web.json_response([1]), "unexpected response", None),
        (web.json_response(NO_SHARES), "unexpected response", None),
        (web.Response(status=307, headers={"Location": "http://127.0.0.1:9/"}), "307", None),
    ],
    ids=[
        "429",
        "429-bare",
        "503-date",
        "401",
        "502",
        "text",
        "empty",
        "list",
        "shares",
        "redirect",
    ],
)
async def test_outside_faults_can_be_waited_out(
    service: AzureService,
    classifier: AzureClassifier,
    response: web.Response,
    words: str,
    retry_after: float | None,
) -> None:
    service.failures.append(response)
    with pytest.raises(ClassifierUnavailable) as caught:
        await score(classifier, ["positive text"])
    assert words in str(caught.value)
    assert caught.value.retry_after == retry_after
    assert KEY not in str(caught.value)
    assert (await score(classifier, ["positive text"]))[0].label == "positive"


async def test_of_a_refused_request_only_the_text_that_it_was_for_is_refused(
    service: AzureService, classifier: AzureClassifier
) -> None:
    service.refuse_all_with = "odd"
    texts = [f"positive {number}" for number in range(25)]
    texts[13] = "odd words"
    with pytest.raises(TextsRefused, match="InvalidRequest: Odd") as caught:
        await score(classifier, texts)
    assert [place for place, one in enumerate(caught.value.results) if one is None] == [13]


async def test_a_service_that_refuses_every_text_is_waited_for(
    service: AzureService, classifier: AzureClassifier
) -> None:
    service.failures += [problem(400, "InvalidRequest", "No such model.") for _ in range(50)]
    with pytest.raises(ClassifierUnavailable, match=r"No such model.*every text"):
        await score(classifier, [f"positive {number}" for number in range(10)])
    service.failures.clear()
    assert len(await score(classifier, ["positive text"])) == 1


async def test_nothing_more_is_asked_of_a_service_that_asks_to_wait(
    service: AzureService, classifier: AzureClassifier
) -> None:
    busy = [problem(429, "429", "Too many requests.", Retry_After="30") for _ in range(100)]
    service.failures += busy
    with pytest.raises(ClassifierUnavailable) as caught:
        await score(classifier, [f"positive {number}" for number in range(512)])
    assert caught.value.retry_after == 30
    # Four are under way at a time, and each that ends may let one more begin.
    assert len(busy) - len(service.failures) <= 16


async def test_what_was_paid_for_is_not_sent_again(
    service: AzureService, classifier: AzureClassifier
) -> None:
    texts = [f"positive {number}" for number in range(30)]
    service.fail_on = "positive 25"
    with pytest.raises(ClassifierUnavailable):
        await score(classifier, texts)
    service.fail_on = None
    service.requests.clear()
    assert len(await score(classifier, texts)) == 30
    assert service.texts() == texts[20:]


async def test_nobody_listens() -> None:
    async with served() as gone:
        endpoint = gone.endpoint
    classifier = AzureClassifier(AzureAccount(endpoint, KEY))
    with pytest.raises(ClassifierUnavailable, match="does not respond"):
        await score(classifier, ["positive text"])
    classifier.close()


@pytest.mark.parametrize(
    ("endpoint", "key", "words"),
    [
        ("", KEY, "FEEDBACK_AZURE_ENDPOINT"),
        ("https://[bad", KEY, "FEEDBACK_AZURE_ENDPOINT"),
        ("name.cognitiveservices.azure.com", KEY, "FEEDBACK_AZURE_ENDPOINT"),
        ("http://name.cognitiveservices.azure.com", KEY, "FEEDBACK_AZURE_ENDPOINT"),
        ("https://name.cognitiveservices.azure.com", "", "FEEDBACK_AZURE_KEY"),
        ("https://name.cognitiveservices.azure.com", "two words", "FEEDBACK_AZURE_KEY"),
    ],
)
def test_an_account_that_cannot_work(endpoint: str, key: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        AzureAccount(endpoint, key)


def test_the_key_is_not_shown() -> None:
    account = AzureAccount("https://name.cognitiveservices.azure.com", KEY)
    assert KEY not in repr(account)
    made: Classifier = AzureClassifier(account)
    assert KEY not in repr(made)
    assert made.languages is not None
    assert {"en", "de", "ja"} <= made.languages
    made.close()
