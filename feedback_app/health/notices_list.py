"""All kinds of operations notices; the runbook has an entry for each."""

from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of notice: its title, and how many seconds its condition must hold or be gone."""

    title: str
    hold_s: float
    clear_s: float


SOURCE_SILENT = "source_silent"
SOURCE_FAILING = "source_failing"
SOURCE_RATE_LIMITED = "source_rate_limited"
SOURCE_LAGGING = "source_lagging"
SOURCE_UNAUTHORISED = "source_unauthorised"
SOURCE_GAP = "source_gap"
SOURCE_BUDGET_SPENT = "source_budget_spent"
SLACK_TOKEN_SHARED = "slack_token_shared"  # noqa: S105
STAGE_STOPPED = "stage_stopped"
STAGE_LAGGING = "stage_lagging"
CHANNEL_REFUSED = "channel_refused"
ACCOUNTS_UNBALANCED = "accounts_unbalanced"
WORKER_GONE = "worker_gone"

NOTICES = {
    # The silence limit is the hold time, and the first message ends it.
    SOURCE_SILENT: Kind("Source silent", 0, 0),
    SOURCE_FAILING: Kind("Source failing", 60, 30),
    SOURCE_RATE_LIMITED: Kind("Source rate-limited", 60, 60),
    SOURCE_LAGGING: Kind("Source lagging", 30, 30),
    SOURCE_UNAUTHORISED: Kind("Source unauthorised", 10, 10),
    SOURCE_GAP: Kind("Gap in a source", 0, 30),
    SOURCE_BUDGET_SPENT: Kind("Budget spent", 10, 10),
    SLACK_TOKEN_SHARED: Kind("Slack app token shared", 10, 60),
    STAGE_STOPPED: Kind("Stage stopped", 0, 10),
    STAGE_LAGGING: Kind("Stage lagging", 120, 60),
    CHANNEL_REFUSED: Kind("Channel refuses alerts", 0, 0),
    ACCOUNTS_UNBALANCED: Kind("Accounts out of balance", 120, 30),
    WORKER_GONE: Kind("Worker gone", 0, 0),
}
