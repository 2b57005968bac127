"""Runs the one classifier of the process off the event loop, shared by all callers."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from feedback_app.sentiment.classifier import (
    Classifier,
    Probabilities,
    TextsRefused,
)

log = logging.getLogger(__name__)

_ROUND = 512
"""Maximum texts per classifier call, so that a large request does not delay a small one."""


def _one_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="score")


class _Request:
    """Texts of one caller and their results so far."""

    def __init__(self, texts: Sequence[str], done: asyncio.Future[list[Probabilities]]) -> None:
        self.texts = texts
        self.done = done
        self.results: list[Probabilities | None] = []
        self.reasons: dict[int, str] = {}

    def add(self, results: Sequence[Probabilities | None], reasons: dict[int, str]) -> None:
        """Append the results of the next texts; `reasons` are by position among those."""
        for position, reason in reasons.items():
            self.reasons[len(self.results) + position] = reason
        self.results.extend(results)
        if self.done.done() or len(self.results) < len(self.texts):
            return
        if self.reasons:
            self.done.set_exception(TextsRefused(self.results, self.reasons))
        else:
            self.done.set_result([result for result in self.results if result is not None])


class Scorer:
    """Scores texts for any number of callers on one event loop.

    Requests waiting when the classifier becomes free are scored together. Nothing is delayed to
    fill a batch, so a single message on an idle worker is scored at once.
    """

    def __init__(self, classifier: Classifier, thread: ThreadPoolExecutor | None = None) -> None:
        """Take exclusive ownership of a classifier.

        It is called in `thread`, an executor of one thread, which `close` shuts down.
        """
        self._classifier = classifier
        self._thread = thread or _one_thread()
        self._waiting: deque[_Request] = deque()
        self._running: asyncio.Task[None] | None = None

    @classmethod
    def load(cls, load: Callable[[], Classifier]) -> "Scorer":
        """Return a scorer for the classifier that `load` returns; raises what it raises.

        It runs in the thread that computes: memory freed by one thread is not reused by another.
        """
        thread = _one_thread()
        try:
            classifier = thread.submit(load).result()
        except BaseException:
            thread.shutdown()
            raise
        log.info("scoring with %s", classifier.name)
        return cls(classifier, thread)

    @property
    def name(self) -> str:
        """Model and backend."""
        return self._classifier.name

    @property
    def languages(self) -> frozenset[str] | None:
        """ISO 639-1 codes of the languages that it can score; None means any."""
        return self._classifier.languages

    async def score(self, texts: Sequence[str]) -> list[Probabilities]:
        """Return one result per text, in input order.

        Raises:
            ClassifierUnavailable: the service is unreachable; the call can be retried.
            TextsRefused: some texts are permanently refused; carries the other results.
        """
        if not texts:
            return []
        request = _Request(texts, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await request.done

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._round()
        finally:
            self._running = None

    async def _round(self) -> None:
        """Score waiting requests in turn, up to _ROUND texts."""
        parts: list[tuple[_Request, list[str]]] = []
        texts: list[str] = []
        for _ in range(len(self._waiting)):
            request = self._waiting.popleft()
            if request.done.done():  # cancelled by the caller, or failed in an earlier part
                continue
            start = len(request.results)
            part = list(request.texts[start : start + _ROUND - len(texts)])
            parts.append((request, part))
            texts += part
            if len(texts) == _ROUND:
                break
        if not parts:
            return
        reasons: dict[int, str] = {}
        results: Sequence[Probabilities | None]
        try:
            results = await asyncio.get_running_loop().run_in_executor(
                self._thread, self._classifier.score, texts
            )
        except TextsRefused as refused:
            results, reasons = refused.results, refused.reasons
        except Exception as error:
            for request, _part in parts:
                if not request.done.done():
                    request.done.set_exception(error)
            return
        start = 0
        for request, part in parts:
            stop = start + len(part)
            request.add(
                results[start:stop],
                {p - start: reason for p, reason in reasons.items() if start <= p < stop},
            )
            if not request.done.done():
                self._waiting.append(request)
            start = stop

    def close(self) -> None:
        """Stop the threads; waits for the current round."""
        self._thread.shutdown(cancel_futures=True)
        self._classifier.close()
