"""Generated feedback of realistic length."""

from dataclasses import dataclass
from random import Random

OPENINGS = (
    "Honestly", "Just so you know", "@support", "Third week with it:", "Update:", "ok so",
    "Hi all,", "Not sure who to tell but", "PSA:", "After the last release", "lol", "Dear team,",
)  # fmt: skip
SUBJECTS = (
    "the export", "search", "your billing page", "the new dashboard", "the phone app", "login",
    "delivery", "my second unit", "the battery", "customer service", "the invoice", "dark mode",
    "the sync between my laptop and phone", "the API", "the web editor", "the free plan",
)  # fmt: skip
VERDICTS = (
    "keeps crashing", "is so much faster now", "still does not work", "made my whole day",
    "is fine I guess", "costs twice what it did in March", "ate two hours of my work",
    "is the best thing I have bought this year", "asks me to sign in every ten minutes",
    "looks great but loads slowly", "was sorted within minutes", "has been down since lunch",
    "does what it says", "needs a proper manual", "never arrived", "is a joy to use",
)  # fmt: skip
TAILS = (
    "and nobody answers my tickets", "which is more than I can say for the others", "😡", "😍",
    "so thank you to whoever fixed it", "so I am moving my team elsewhere", "#feedback", "🙏",
    "and my colleagues say the same", "please have a look", "any idea when that will change?",
    "http://example.com/a/status", "(on an older phone, for what it is worth)", "!!!", "...", "",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Text:
    """A text, and the language given by its source, if any."""

    text: str
    lang: str | None


def texts(count: int, tagged: bool = True) -> list[Text]:
    """Return so many texts: two thirds of one sentence, the rest of two or three."""
    random = Random(1)
    return [
        Text(
            " ".join(_sentence(random) for _ in range(random.choice((1, 1, 1, 1, 2, 3)))),
            "en" if tagged else None,
        )
        for _ in range(count)
    ]


def _sentence(random: Random) -> str:
    parts = [random.choice(words) for words in (SUBJECTS, VERDICTS, TAILS)]
    if random.random() < 0.6:
        parts.insert(0, random.choice(OPENINGS))
    if random.random() < 0.3:
        parts.append(f"(order {random.randint(1000, 99999)})")
    return " ".join(filter(None, parts))
