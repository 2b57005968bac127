"""A stand-in for Azure AI Language's sentiment, as strict as its reference documents."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

KEY = "0123456789abcdef"
PATH = "/language/:analyze-text"


class AzureService:
    """Serves on loopback; its requests can be read and its failures set."""

    def __init__(self) -> None:
        self.endpoint = ""
        self.requests: list[list[dict[str, Any]]] = []
        self.failures: list[web.Response] = []
        """Responses to send first, in order, before any request is served."""
        self.fail_on: str | None = None
        """A request with this text is answered with 503."""
        self.refuse_all_with: str | None = None
        """A request with a document that contains this word is answered with 400."""

    async def handle(self, request: web.Request) -> web.Response:
        """Serve one request."""
        if self.failures:
            return self.failures.pop(0)
        if request.headers.get("Ocp-Apim-Subscription-Key") != KEY:
            return problem(401, "401", "Access denied due to invalid subscription key.")
        if request.query.get("api-version") != "2023-04-01":
            return problem(404, "404", "Resource not found")
        body = await request.json()
        if body.get("kind") != "SentimentAnalysis":
            return problem(400, "InvalidRequest", "Unknown kind.")
        documents: list[dict[str, Any]] = body["analysisInput"]["documents"]
        if not 1 <= len(documents) <= 10:
            return problem(400, "InvalidRequest", "Batch request contains too many records.")
        self.requests.append(documents)
        if self.fail_on in [document["text"] for document in documents]:
            return problem(503, "ServiceUnavailable", "Try again.")
        if self.refuse_all_with and any(self.refuse_all_with in d["text"] for d in documents):
            return problem(400, "InvalidRequest", "Odd.")
        answered, errors = [], []
        for document in documents:
            refusal = refuse(document)
            if refusal:
                errors.append({"id": document["id"], "error": refusal})
            else:
                answered.append(answer(document))
        # In another order than requested, which the API allows.
        results = {"documents": answered[::-1], "errors": errors, "modelVersion": "2022-11-01"}
        return web.json_response({"kind": "SentimentAnalysisResults", "results": results})

    def texts(self) -> list[str]:
        """Return every text that was sent to it."""
        return [document["text"] for documents in self.requests for document in documents]


def refuse(document: dict[str, Any]) -> dict[str, Any] | None:
    """Return the error of a document that cannot be analysed."""
    reason = None
    if not document["text"].strip():
        reason = ("InvalidDocument", "Document text is empty.")
    elif len(document["text"]) > 5120:
        reason = ("InvalidDocument", "A document within the request was too large.")
    elif "forbidden" in document["text"]:
        reason = ("UnsupportedContent", "Not this one.")
    if reason is None:
        return None
    inner = {"code": reason[0], "message": reason[1]}
    return {"code": "InvalidArgument", "message": "Invalid document.", "innererror": inner}


def answer(document: dict[str, Any]) -> dict[str, Any]:
    """Return the analysis: mostly the mood that the text names, rounded to two places."""
    mood = next((m for m in ("negative", "positive") if m in document["text"]), "neutral")
    shares = {"positive": 0.06, "neutral": 0.06, "negative": 0.06} | {mood: 0.87}
    return {
        "id": document["id"],
        "sentiment": mood,
        "confidenceScores": shares,
        "sentences": [],
        "warnings": [],
    }


def problem(status: int, code: str, message: str, **headers: str) -> web.Response:
    """Return an error in the service's format."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    text = json.dumps({"error": {"code": code, "message": message}})
    return web.Response(status=status, text=text, content_type="application/json", headers=named)


@asynccontextmanager
async def served() -> AsyncIterator[AzureService]:
    """Serve on a free loopback port."""
    service = AzureService()
    app = web.Application()
    app.router.add_post(PATH, service.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    service.endpoint = "http://{}:{}".format(*runner.addresses[0][:2])
    try:
        yield service
    finally:
        await runner.cleanup()
