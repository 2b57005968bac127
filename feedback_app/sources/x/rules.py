"""The rules of the filtered stream: one a source, recognised by its tag. Other rules stay."""

from collections.abc import Mapping
from dataclasses import dataclass

from tweepy import StreamRule
from tweepy.asynchronous import AsyncStreamingClient

from feedback_app.sources.protocol import SourceFault
from feedback_app.sources.x.client import DEPENDENCY, XClient, ask

TAG = "feedback:"


@dataclass(frozen=True, slots=True)
class Change:
    """What turns the present rules into the wanted ones."""

    add: tuple[tuple[str, str], ...]
    """Pairs of source id and query."""
    delete: tuple[str, ...]
    """Ids of rules."""


def change(present: object, wanted: Mapping[str, str]) -> Change:
    """Compare X's list of rules with {source id: query}. Pure."""
    found: set[str] = set()
    delete = []
    for rule in present if isinstance(present, list) else ():
        tag = rule.get("tag") if isinstance(rule, dict) else None
        if not isinstance(tag, str) or not tag.startswith(TAG):
            continue
        source = tag.removeprefix(TAG)
        if source not in found and wanted.get(source) == rule.get("value"):
            found.add(source)
        else:
            delete.append(str(rule.get("id")))
    add = tuple((name, query) for name, query in wanted.items() if name not in found)
    return Change(add, tuple(delete))


def source_of(matching: object, wanted: Mapping[str, str]) -> str | None:
    """Return the source whose rule a post matched, or None for a rule of another program."""
    for rule in matching if isinstance(matching, list) else ():
        tag = rule.get("tag") if isinstance(rule, dict) else None
        if isinstance(tag, str) and tag.removeprefix(TAG) in wanted and tag.startswith(TAG):
            return tag.removeprefix(TAG)
    return None


class Rules:
    """Reads and changes the rules through tweepy."""

    def __init__(self, client: XClient) -> None:
        self._tweepy = AsyncStreamingClient("-", return_type=dict)
        self._tweepy.session = client.session

    async def make(self, wanted: Mapping[str, str]) -> None:
        """Make X have exactly these rules of {source id: query}; raises SourceFault."""
        answer = await ask(self._tweepy.get_rules())
        present = answer.get("data") if isinstance(answer, dict) else None
        needed = change(present, wanted)
        if needed.delete:
            await ask(self._tweepy.delete_rules(list(needed.delete)))
        if needed.add:
            rules = [StreamRule(value=query, tag=f"{TAG}{name}") for name, query in needed.add]
            answer = await ask(self._tweepy.add_rules(rules))
            errors = answer.get("errors") if isinstance(answer, dict) else None
            if errors:
                raise SourceFault(
                    DEPENDENCY, f"X refuses a rule of the stream: {str(errors)[:300]}", 60
                )
