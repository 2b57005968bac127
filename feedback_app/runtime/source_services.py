"""The sources that are not polled, as services of this worker."""

from collections.abc import Callable

from mode import ServiceT

from feedback_app.kafka.reader import TopicReader
from feedback_app.runtime.services import TaskService
from feedback_app.runtime.source_context import SourceContext
from feedback_app.sources.slack.index_loader import MessageIndexLoader
from feedback_app.sources.slack.socket import SlackSocket
from feedback_app.sources.x.compliance import XCompliance
from feedback_app.sources.x.post_index import PostIndex
from feedback_app.sources.x.stream import XStream


class SourceServices:
    """Builds the services that the configured sources need; `services` are not started yet."""

    def __init__(
        self,
        context: SourceContext,
        reader: TopicReader,
        worker: str,
        is_leader: Callable[[], bool],
    ) -> None:
        self._context, self._reader, self._worker = context, reader, worker
        self._is_leader = is_leader
        self._socket: SlackSocket | None = None
        self.services: list[ServiceT] = []
        kinds = {source.type for source in context.settings.sources}
        if "slack" in kinds:
            self.services += self._slack()
        if "x-stream" in kinds:
            self.services.append(TaskService(XStream(context, context.clock, is_leader).run))
        if kinds & {"x-search", "x-stream"}:
            posts = PostIndex(reader, context.topics.scored)
            compliance = XCompliance(context, context.clock, is_leader, posts)
            self.services.append(TaskService(compliance.run))

    @property
    def slack_connections(self) -> int:
        """The connections to Slack of this worker."""
        return 0 if self._socket is None else self._socket.connections

    def cluster_slack_connections(self) -> int:
        """Return the connections to Slack of all live workers."""
        live = self._context.shared.ledger.workers(self._context.clock.time())
        others = sum(status.slack_connections for status in live if status.id != self._worker)
        return self.slack_connections + others

    def _slack(self) -> list[ServiceT]:
        self._socket = SlackSocket(
            self._context,
            self._context.clock,
            self.cluster_slack_connections,
            leading=self._is_leader,
        )
        loader = MessageIndexLoader(
            self._reader,
            self._context.topics.scored,
            self._socket.event_handler.index,
            self._is_leader,
        )
        return [loader, TaskService(self._socket.run, loader.load)]
