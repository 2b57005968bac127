"""Azure AI Language sentiment as a `Classifier`.

The service (`POST /language/:analyze-text`, version 2023-04-01) will be retired on
31 March 2029. It bills per text, so partial results of a failed call are kept for its retry.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from feedback_app.sentiment import language
from feedback_app.sentiment.classifier import (
    ClassifierUnavailable,
    ModelError,
    Probabilities,
    TaggedText,
    TextsRefused,
)
from feedback_app.sentiment.prepare import prepare

API_VERSION = "2023-04-01"
DOCUMENTS_PER_REQUEST = 10
TIMEOUT_S = 10.0
_PARALLEL_REQUESTS = 4
_PROBE_TEXT = "It works."
"""A valid text: if the service refuses it too, the fault is not in the texts."""
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

# `prepare` cuts texts at 4,096 characters, below the service's limit of 5,120 elements.

_CODES = (
    "af am ar as az bg bn bs ca cs cy da de el en es et eu fa fi fr ga gl gu he hi hr hu hy id it "
    "ja ka kk km kn ko ku ky lo lt lv mg mk ml mn mr ms my ne nl no or pa pl ps pt ro ru sa sk sl "
    "so sq sr sv sw ta te th tr ug uk ur uz vi zh"
)
LANGUAGES = frozenset(_CODES.split())

Document = tuple[str, str | None]
"""A text as it is sent, and the language it is tagged with, if any."""


@dataclass(frozen=True)
class AzureAccount:
    """Endpoint and key of the service."""

    endpoint: str
    key: str = field(repr=False)

    def __post_init__(self) -> None:
        """Validate both.

        Raises:
            ModelError: the endpoint is not an https URL, or the key is malformed.
        """
        if not _is_endpoint(self.endpoint):
            raise ModelError(
                "FEEDBACK_AZURE_ENDPOINT must be an https address such as "
                "https://NAME.cognitiveservices.azure.com"
            )
        if not re.fullmatch(r"[!-~]+", self.key):
            raise ModelError("FEEDBACK_AZURE_KEY must be set to a key without spaces")


def _is_endpoint(endpoint: str) -> bool:
    try:
        parts = urlsplit(endpoint)
    except ValueError:
        return False
    local = parts.scheme == "http" and parts.hostname in _LOOPBACK
    return bool(parts.hostname) and (parts.scheme == "https" or local)


class _RequestRefused(Exception):
    """The service refused a whole request, possibly because of a single text."""


class _NoRedirect(HTTPRedirectHandler):
    """Refuses redirects, which would send the key to another host."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> None:
        """Return None: do not follow."""


class AzureClassifier:
    """Scores texts with the service, each in its tagged or detected language."""

    name = f"Azure AI Language {API_VERSION}"
    languages = LANGUAGES

    def __init__(self, account: AzureAccount) -> None:
        """Prepare the client; makes no connection."""
        endpoint = account.endpoint.rstrip("/")
        self._url = f"{endpoint}/language/:analyze-text?api-version={API_VERSION}"
        self._headers = {
            "Content-Type": "application/json",
            "Ocp-Apim-Subscription-Key": account.key,
        }
        self._opener = build_opener(_NoRedirect)
        self._requests = ThreadPoolExecutor(_PARALLEL_REQUESTS, thread_name_prefix="azure")
        self._billed: dict[Document, Probabilities] = {}

    def score(self, texts: Sequence[str]) -> list[Probabilities]:
        """Return one result per text, in input order; blank texts are neutral and not sent.

        Raises:
            ClassifierUnavailable: the service is unreachable, rejects the key or throttles.
            TextsRefused: the service refused some texts; carries the results of the rest.
        """
        prepared = [_document(text) for text in texts]
        new = [doc for doc in dict.fromkeys(prepared) if doc not in self._billed and _has_text(doc)]
        chunks = [
            new[start : start + DOCUMENTS_PER_REQUEST]
            for start in range(0, len(new), DOCUMENTS_PER_REQUEST)
        ]
        refused: dict[Document, str] = {}
        failure: ClassifierUnavailable | None = None
        sent = [(chunk, self._requests.submit(self._score_chunk, chunk)) for chunk in chunks]
        for chunk, future in sent:
            try:
                answers = future.result()
            except CancelledError:
                continue
            except ClassifierUnavailable as error:
                failure = failure or error
                # Send no further requests to a service that is unreachable or throttling.
                for _, later in sent:
                    later.cancel()
                continue
            for text, answer in zip(chunk, answers, strict=True):
                if isinstance(answer, str):
                    refused[text] = answer
                else:
                    self._billed[text] = answer
        if failure:
            raise failure
        billed, self._billed = self._billed, {}
        neutral = Probabilities(0.0, 1.0, 0.0)
        results = [None if text in refused else billed.get(text, neutral) for text in prepared]
        reasons = {
            position: refused[text] for position, text in enumerate(prepared) if text in refused
        }
        if reasons:
            raise TextsRefused(results, reasons)
        return [result for result in results if result is not None]

    def close(self) -> None:
        """Stop the threads; cancels requests that have not started."""
        self._requests.shutdown(cancel_futures=True)

    def _score_chunk(self, texts: Sequence[Document]) -> list[Probabilities | str]:
        """Return the probabilities of each text, or why the service refused it.

        A request that is refused as a whole is bisected to find the text at fault.
        """
        try:
            return self._request(texts)
        except _RequestRefused as error:
            if len(texts) > 1:
                half = len(texts) // 2
                return [*self._score_chunk(texts[:half]), *self._score_chunk(texts[half:])]
            try:
                self._request([(_PROBE_TEXT, "en")])
            except _RequestRefused:
                raise ClassifierUnavailable(f"{error}; it refuses every text") from error
            return [str(error)]

    def _request(self, texts: Sequence[Document]) -> list[Probabilities | str]:
        """Return the probabilities of each text, or the service's error for it."""
        body = {
            "kind": "SentimentAnalysis",
            "parameters": {"modelVersion": "latest", "loggingOptOut": True},
            "analysisInput": {
                "documents": [
                    {"id": str(number), "language": _language(text, tagged), "text": text}
                    for number, (text, tagged) in enumerate(texts)
                ]
            },
        }
        request = Request(self._url, json.dumps(body).encode(), self._headers)  # noqa: S310 (checked)
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as response:
                answer = json.load(response)
        except HTTPError as error:
            with error:
                raise _exception_for(error) from error
        except (OSError, HTTPException, ValueError) as error:
            raise ClassifierUnavailable(f"Azure does not respond: {error}") from error
        try:
            return list(_parse(answer, len(texts)))
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise ClassifierUnavailable(f"Azure sent an unexpected response: {error!r}") from error


def _document(text: str) -> Document:
    return prepare(text), text.language if isinstance(text, TaggedText) else None


def _has_text(document: Document) -> bool:
    return bool(document[0].strip("\0 \t\r\n\f\v"))


def _language(text: str, tagged: str | None) -> str:
    found = tagged or language.detect(text)
    return found if found in LANGUAGES else "en"


def _parse(answer: Mapping[str, Any], count: int) -> Iterator[Probabilities | str]:
    results = answer["results"]
    scored = {document["id"]: document["confidenceScores"] for document in results["documents"]}
    failed = {item["id"]: _message(item["error"]) for item in results.get("errors", [])}
    for number in map(str, range(count)):
        if number in scored:
            confidences = [float(scored[number][label]) for label in Probabilities._fields]
            # The service rounds to two decimals, so they may not sum to 1.
            yield Probabilities(*(value / sum(confidences) for value in confidences))
        else:
            yield failed.get(number, "Azure gave no result for this text")


def _exception_for(error: HTTPError) -> _RequestRefused | ClassifierUnavailable:
    """Return the exception for an HTTP error status."""
    try:
        message = _message(json.load(error)["error"])
    except (OSError, HTTPException, ValueError, KeyError, TypeError, AttributeError):
        message = error.reason if isinstance(error.reason, str) else "no reason given"
    if error.code in (400, 413):
        return _RequestRefused(f"Azure refused the request ({error.code}): {message}")
    hint = (
        "check FEEDBACK_AZURE_KEY and FEEDBACK_AZURE_ENDPOINT: " if error.code in (401, 403) else ""
    )
    return ClassifierUnavailable(
        f"Azure answered {error.code}: {hint}{message}",
        _seconds(error.headers.get("Retry-After")) if error.headers else None,
    )


def _message(error: Mapping[str, Any]) -> str:
    inner = error.get("innererror") or {}
    return (
        f"{inner.get('code') or error['code']}: {inner.get('message') or error.get('message', '')}"
    )


def _seconds(retry_after: str | None) -> float | None:
    return float(retry_after) if retry_after and re.fullmatch(r"\d+(\.\d+)?", retry_after) else None
