"""X: the token and the queries."""

from collections.abc import Callable

from feedback_app.doctor.check import Check, failed, passed, skipped
from feedback_app.hop.errors import TransientError
from feedback_app.settings import Settings
from feedback_app.sources.x.client import XClient
from feedback_app.sources.x.snowflake import snowflake

TOKEN = "X token"  # noqa: S105
NOTHING = "feedbackmonitordoctorfindsnothing"
"""A word that no post has: X charges for the posts that it returns, so none are asked for."""
LOOK_BACK_S = 60.0


async def check_x(settings: Settings, clock: Callable[[], float]) -> list[Check]:
    """Ask X with each query for something that does not exist."""
    sources = [source for source in settings.sources if source.type.startswith("x-")]
    if not sources:
        return [skipped(TOKEN, "not needed: no source reads X (FEEDBACK_X_QUERY)")]
    token = settings.x_bearer_token
    if token is None or not token.get_secret_value():
        return [
            failed(
                TOKEN,
                "FEEDBACK_X_BEARER_TOKEN is not set",
                "copy the Bearer Token from Keys and tokens of the app in the X developer portal",
            )
        ]
    client = XClient(token, settings.x_api_url, clock)
    try:
        checks = [await _ask(client, TOKEN, NOTHING, clock())]
        if checks[0].ok:
            for source in sources:
                query = f"({source.query}) {NOTHING}"
                if source.type == "x-search" and len(query) <= 512:
                    checks.append(await _ask(client, f"source {source.id}", query, clock()))
    finally:
        await client.close()
    return checks


async def _ask(client: XClient, name: str, query: str, now: float) -> Check:
    try:
        await client.search(query, since=snowflake(now - LOOK_BACK_S), most=10)
    except TransientError as error:
        words = str(error)
        return failed(name, words, _remedy(words))
    return passed(name, "X takes it" if name == TOKEN else "X takes its query")


def _remedy(words: str) -> str:
    if "(401)" in words:
        return "set FEEDBACK_X_BEARER_TOKEN to the present token of the app"
    if "(403)" in words:
        return "attach the app to a project whose access level has recent search"
    if "(400)" in words:
        return "mend the query"
    if "(429)" in words:
        return "wait as long as X asks; a running worker shares this limit"
    return "check the network and FEEDBACK_X_API_URL"
