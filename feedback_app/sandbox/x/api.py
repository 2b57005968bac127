"""The stand-in X API v2: its state, endpoints and request checks."""

from collections.abc import Callable
from random import Random

from aiohttp import web

from feedback_app.sandbox.clock import Clock
from feedback_app.sandbox.faults import Faults
from feedback_app.sandbox.http import json_response
from feedback_app.sandbox.log import Log
from feedback_app.sandbox.x.compliance import Compliance
from feedback_app.sandbox.x.gate import Gate, Handler, Refusal
from feedback_app.sandbox.x.search import Search
from feedback_app.sandbox.x.state import XState
from feedback_app.sandbox.x.stream import Stream


class X(XState):
    """The stand-in X: user actions (`post`, `edit`, `delete`) and the API."""

    def __init__(
        self,
        clock: Clock,
        random: Random,
        faults: Faults,
        log: Log,
        url: Callable[[], str],
        *,
        index_delay: tuple[float, float] = (0.2, 3.0),
        keepalive_s: float = 20.0,
        compliance_s: float = 2.0,
    ) -> None:
        super().__init__(clock.now, random, log, index_delay)
        self.gate = Gate(clock, faults, log)
        self.stream = Stream(self, clock, faults, log, keepalive_s)
        self._search = Search(self, clock, faults, log)
        self._compliance = Compliance(self, clock, url, compliance_s)

    def revoke_token(self) -> None:
        """Revoke the token: every later request gets a 401."""
        self.gate.token = None

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the API."""
        guard, jobs = self.gate.guard, self._compliance
        rules = "/2/tweets/search/stream/rules"
        return [
            web.get("/2/tweets/search/recent", guard("search", self._search.recent)),
            web.get("/2/tweets", guard("lookup", self._search.lookup)),
            web.get("/2/tweets/search/stream", guard("stream", self.stream.connect)),
            web.get(rules, guard("rules", self.stream.list_rules)),
            web.post(rules, guard("rules", self.stream.change_rules)),
            web.get("/2/compliance/jobs", guard("jobs", jobs.list)),
            web.post("/2/compliance/jobs", guard("jobs", jobs.create)),
            web.get("/2/compliance/jobs/{id}", guard("jobs", jobs.get)),
            web.put("/compliance-files/{id}/upload", _signed(jobs.upload)),
            web.get("/compliance-files/{id}/download", _signed(jobs.download)),
        ]


def _signed(handler: Handler) -> Handler:
    """Wrap a handler that needs no token, because its URL is signed."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refusal as refusal:
            return json_response(refusal.body, refusal.status)

    return handle
