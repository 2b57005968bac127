"""The scorer: order, fairness, failures, and that it does not block the event loop."""

import asyncio
import threading
from collections.abc import Callable, Sequence

import pytest

from feedback_app.sentiment.classifier import (
    Classifier,
    ClassifierUnavailable,
    ModelError,
    Probabilities,
    TextsRefused,
)
from feedback_app.sentiment.hashing import HashingClassifier
from feedback_app.sentiment.model_choice import load_scorer
from feedback_app.sentiment.scorer import Scorer
from feedback_app.settings import Settings


class Gated(HashingClassifier):
    """Records each call and waits for a permit before returning."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.threads: set[int] = set()
        self.permits = threading.Semaphore(0)
        self.failure: Exception | None = None

    def score(self, texts: Sequence[str]) -> list[Probabilities]:
        self.calls.append(list(texts))
        self.threads.add(threading.get_ident())
        assert self.permits.acquire(timeout=30)
        if self.failure:
            raise self.failure
        return super().score(texts)


async def until(condition: Callable[[], bool]) -> None:
    """Run the event loop until a condition holds."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0)


async def test_results_are_in_input_order_from_another_thread() -> None:
    gated = Gated()
    gated.permits.release(100)
    scorer = Scorer(gated)
    texts = [f"text {number}" for number in range(1300)]
    assert await scorer.score(texts) == HashingClassifier().score(texts)
    assert await scorer.score([]) == []
    assert gated.threads
    assert threading.get_ident() not in gated.threads
    scorer.close()


async def test_a_message_on_an_idle_scorer_is_scored_alone_without_blocking_the_loop() -> None:
    gated = Gated()
    scorer = Scorer(gated)
    first = asyncio.create_task(scorer.score(["a"]))
    await until(lambda: gated.calls == [["a"]])  # the loop runs while the classifier waits
    assert not first.done()
    gated.permits.release()
    assert await first == HashingClassifier().score(["a"])
    scorer.close()


async def test_waiting_requests_are_scored_together() -> None:
    gated = Gated()
    scorer = Scorer(gated)
    tasks = [asyncio.create_task(scorer.score(["a"]))]
    await until(lambda: len(gated.calls) == 1)
    tasks += [asyncio.create_task(scorer.score([text, text * 2])) for text in "bcd"]
    await asyncio.sleep(0)
    gated.permits.release(2)
    results = await asyncio.gather(*tasks)
    assert gated.calls == [["a"], ["b", "bb", "c", "cc", "d", "dd"]]
    assert results[2] == HashingClassifier().score(["c", "cc"])
    scorer.close()


async def test_a_large_request_does_not_delay_a_small_one() -> None:
    gated = Gated()
    scorer = Scorer(gated)
    large = asyncio.create_task(scorer.score([str(number) for number in range(5000)]))
    await until(lambda: len(gated.calls) == 1)
    small = asyncio.create_task(scorer.score(["small"]))
    await asyncio.sleep(0)
    gated.permits.release(2)
    assert await small == HashingClassifier().score(["small"])
    assert not large.done()
    gated.permits.release(100)
    assert await large == HashingClassifier().score([str(number) for number in range(5000)])
    scorer.close()


async def test_a_cancelled_request_costs_no_further_round() -> None:
    gated = Gated()
    scorer = Scorer(gated)
    large = asyncio.create_task(scorer.score([str(number) for number in range(5000)]))
    await until(lambda: len(gated.calls) == 1)
    large.cancel()
    with pytest.raises(asyncio.CancelledError):
        await large
    gated.permits.release(2)
    assert await scorer.score(["next"]) == HashingClassifier().score(["next"])
    assert gated.calls[1:] == [["next"]]
    scorer.close()


async def test_a_transient_error_reaches_every_caller_of_the_round_and_is_not_kept() -> None:
    gated = Gated()
    gated.failure = ClassifierUnavailable("wait", retry_after=3.0)
    gated.permits.release(2)
    scorer = Scorer(gated)
    first, second = await asyncio.gather(
        scorer.score(["a"]), scorer.score(["b"]), return_exceptions=True
    )
    assert isinstance(first, ClassifierUnavailable)
    assert isinstance(second, ClassifierUnavailable)
    assert first.retry_after == 3.0
    gated.failure = None
    gated.permits.release(2)
    assert await scorer.score(["a"]) == HashingClassifier().score(["a"])
    scorer.close()


class Refusing(HashingClassifier):
    """Refuses texts that contain `refuse`."""

    def score(self, texts: Sequence[str]) -> list[Probabilities]:
        reasons = {at: f"no: {text}" for at, text in enumerate(texts) if "refuse" in text}
        results = super().score(texts)
        if reasons:
            raise TextsRefused(
                [None if p in reasons else s for p, s in enumerate(results)], reasons
            )
        return results


async def test_a_refusal_reaches_only_its_caller_with_the_right_position() -> None:
    scorer = Scorer(Refusing())
    texts = [str(number) for number in range(600)] + ["refuse me"]
    good, refused = await asyncio.gather(
        scorer.score(["a", "b"]), scorer.score(texts), return_exceptions=True
    )
    assert good == HashingClassifier().score(["a", "b"])
    assert isinstance(refused, TextsRefused)
    assert refused.reasons == {600: "no: refuse me"}
    assert refused.results == [*HashingClassifier().score(texts[:600]), None]
    scorer.close()


def test_azure_without_an_account_does_not_load() -> None:
    with pytest.raises(ModelError, match="FEEDBACK_AZURE_ENDPOINT"):
        load_scorer(Settings(model="azure"))


def test_hashing_is_a_classifier() -> None:
    assert isinstance(HashingClassifier(), Classifier)
