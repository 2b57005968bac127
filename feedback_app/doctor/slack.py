"""Slack: tokens, scopes and channels."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from feedback_app.clock import Clock
from feedback_app.doctor.check import Check, failed, passed, skipped
from feedback_app.doctor.live import try_live
from feedback_app.doctor.slack_faults import LATER, failed_call
from feedback_app.hop.errors import TransientError
from feedback_app.settings import Settings
from feedback_app.slack.channel import CHANNEL_FORM, Channel
from feedback_app.slack.client import ask, ask_with_headers, bot_client, web_client
from feedback_app.slack.directory import list_channels
from feedback_app.slack.errors import SlackError

BOT_TOKEN, APP_TOKEN, SCOPES = "Slack bot token", "Slack app token", "Slack scopes"
CHANNELS = "Slack channels"
SCOPES_NEEDED = (
    "channels:history",
    "channels:read",
    "chat:write",
    "groups:history",
    "groups:read",
    "metadata.message:read",
    "users:read",
)

_WHERE_BOT = "copy the Bot User OAuth Token (xoxb-…) from OAuth & Permissions of the Slack app"
_WHERE_APP = (
    "make an App-Level Token (xapp-…) with the scope connections:write on Basic Information of the "
    "Slack app"
)


def token_form(name: str, token: str | None, start: str) -> str | None:
    """Return what is wrong with a token at first sight, or None."""
    if not token:
        return f"{name} is not set"
    if token != token.strip() or any(char in token for char in "\"' "):
        return f"{name} has spaces or quotation marks in it"
    if not token.startswith(start):
        kind = next((kind for form, kind in _FORMS.items() if token.startswith(form)), "no token")
        return f"{name} does not begin with {start} (this is {kind})"
    return None


_FORMS = {
    "xoxb-": "a bot token",
    "xapp-": "an app-level token",
    "xoxp-": "a user token",
    "xoxe": "a configuration or refresh token",
}


async def check_slack(settings: Settings, clock: Clock, *, live: bool) -> list[Check]:
    """Check the tokens, their scopes, and every configured channel."""
    checks = []
    listens = any(source.listens for source in settings.sources)
    app_token = _secret(settings.slack_app_token)
    if listens:
        fault = token_form("FEEDBACK_SLACK_APP_TOKEN", app_token, "xapp-")
        checks.append(
            failed(APP_TOKEN, fault, _WHERE_APP)
            if fault
            else await _check_app_token(settings, app_token or "")
        )
    else:
        checks.append(skipped(APP_TOKEN, "not needed: no Slack channel is listened to"))
    fault = token_form("FEEDBACK_SLACK_BOT_TOKEN", _secret(settings.slack_bot_token), "xoxb-")
    if fault:
        return [failed(BOT_TOKEN, fault, _WHERE_BOT), *checks]
    client = bot_client(settings)
    try:
        answer, headers = await ask_with_headers(client.auth_test())
    except SlackError as error:
        return [failed_call(BOT_TOKEN, settings, error.failure), *checks]
    bot = str(answer.get("user"))
    checks.insert(0, passed(BOT_TOKEN, f"is {bot} in {answer.get('team')}"))
    checks.append(judge_scopes(granted(headers)))
    try:
        channels = await list_channels(client)
    except SlackError as error:
        return [*checks, failed_call(CHANNELS, settings, error.failure)]
    except TransientError as error:
        return [*checks, failed(CHANNELS, str(error), LATER)]
    checks += judge_channels(settings, channels, bot)
    if live:
        checks.append(await try_live(client, settings, channels, clock))
    return checks


def granted(headers: Mapping[str, Any]) -> set[str]:
    """Return the scopes that an answer's headers name."""
    for name, value in headers.items():
        if name.lower() == "x-oauth-scopes":
            text = value[0] if isinstance(value, list) else value
            return {scope.strip() for scope in str(text).split(",") if scope.strip()}
    return set()


def judge_scopes(scopes: set[str]) -> Check:
    """Say which scopes are missing."""
    missing = [scope for scope in SCOPES_NEEDED if scope not in scopes]
    if not missing:
        return passed(SCOPES, f"all {len(SCOPES_NEEDED)} are granted")
    return failed(
        SCOPES,
        f"missing: {', '.join(missing)}",
        "add them under OAuth & Permissions of the Slack app and install it again",
    )


def wanted_channels(settings: Settings) -> dict[str, str]:
    """Return every Slack channel that the settings name, with what it is for."""
    found: dict[str, str] = {}
    for rule in settings.rules:
        found.setdefault(rule.channel, "alerts")
    if settings.ops_channel:
        found.setdefault(settings.ops_channel, "notices")
    for source in settings.sources:
        for channel in source.listens:
            found.setdefault(channel, f"feedback of source {source.id}")
    return {name: use for name, use in found.items() if CHANNEL_FORM.fullmatch(name)}


def judge_channels(settings: Settings, listed: Sequence[Channel], bot: str) -> Iterator[Check]:
    """Yield one check a channel: it exists, is not archived, and the bot is in it."""
    known = {key: channel for channel in listed for key in (channel.id, channel.name)}
    for channel, use in wanted_channels(settings).items():
        name, found = f"channel {channel}", known.get(channel)
        if found is None:
            yield failed(
                name,
                f"there is none that the bot can see, for {use}",
                "create it or correct its name; to a private channel invite the bot first",
            )
        elif found.archived:
            yield failed(name, f"is archived, for {use}", "unarchive it or choose another")
        elif not found.member:
            yield failed(name, f"the bot is not in it, for {use}", f"in {channel}: /invite @{bot}")
        else:
            yield passed(name, f"the bot is in it, for {use}")
    yield from judge_spellings(settings, listed)


def judge_spellings(settings: Settings, listed: Sequence[Channel]) -> Iterator[Check]:
    """Yield a failed check for each channel that is named both by its name and by its id."""
    wanted = wanted_channels(settings)
    posted = {rule.channel for rule in settings.rules}
    listened = {channel for source in settings.sources for channel in source.listens}
    for channel in listed:
        both = [one for one in (channel.name, channel.id) if one in wanted]
        if len(both) < 2:
            continue
        name, detail = f"channel {channel.id}", f"is named in two ways, {both[0]} and {both[1]}"
        if len(listened.intersection(both)) == 1:
            use = "listened to under one and posted to under the other"
            yield failed(name, f"{detail}: {use}", "choose another channel for one of the two")
        else:
            # A rule's channel is better left as it is written.
            kept = next((one for one in both if one in posted), both[0])
            yield failed(name, detail, f"write {kept} everywhere")


async def _check_app_token(settings: Settings, token: str) -> Check:
    client = web_client(None, settings.slack_api_url)
    try:
        await ask(client.apps_connections_open(app_token=token))
    except SlackError as error:
        if not (word := error.failure.word):
            return failed_call(APP_TOKEN, settings, error.failure)
        return failed(
            APP_TOKEN, f"Slack refuses it: {word}", f"{_WHERE_APP}; switch Socket Mode on"
        )
    return passed(APP_TOKEN, "opens Socket Mode connections")


def _secret(value: Any) -> str | None:
    return None if value is None else str(value.get_secret_value())
