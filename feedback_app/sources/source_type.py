"""A type of source: one row of the registry, which says all that the pipeline must know of it.

Every command loads the rows of its configured sources, so this module and those of the rows import
no client, no broker and no records: what a row needs of them it imports where it makes something.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from feedback_app.settings import Settings, SourceOptions

if TYPE_CHECKING:
    from feedback_app.sources.dependencies import ServiceContext, SourceDependencies
    from feedback_app.sources.protocol import PolledSource
    from feedback_app.sources.quota import Quota

Options = TypeVar("Options", bound=SourceOptions)

Run = Callable[[], Awaitable[None]]
"""Runs until it is cancelled."""


@dataclass(frozen=True, slots=True)
class Gap:
    """How a source shows a time that it could not read (`Cursor.gap_from` to `gap_to`)."""

    text: str = "what came from {gap_from} to {gap_to} is lost"
    shown_s: float = 86400.0
    """How long after its end a gap is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceType(Generic[Options]):
    """One row of the registry.

    A source is polled where `interval` returns seconds, has services where `services` names any,
    or both: the services of a stream can ask for polls that close its gaps.
    """

    options: type[Options]
    """The keys of its `[[sources]]` table."""
    polled: Callable[[Options, SourceDependencies], PolledSource] | None = None
    """Makes the source that is polled; raises ConfigurationError."""
    interval: Callable[[Options, Settings], float | None] = lambda options, settings: None
    """The seconds wished between two polls; None for a source that is not polled."""
    services: Sequence[Callable[[ServiceContext], Sequence[Run]]] = ()
    """Make what runs beside the stages. Each is called once a worker, for all sources of the types
    that name it; raises ConfigurationError."""
    quota: Quota | None = None
    """The limits that it shares with other sources; None for none."""
    gap: Gap = Gap()
    """How a gap is shown."""
    services_report: bool = False
    """Whether a service reports the state of its sources, so that their polls do not."""
    one_worker_is_enough: bool = False
    """Whether each worker reports a state of its own, of which the best one counts."""
    seed: Callable[[Settings], Mapping[str, Any] | None] = lambda settings: None
    """The `[[sources]]` table that environment variables stand for, of a built-in type."""
