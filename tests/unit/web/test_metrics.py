"""`/metrics` is valid Prometheus text: parsed back line by line."""

import re

from hypothesis import given
from hypothesis import strategies as st

from feedback_app.web.metrics import escape, render
from feedback_app.web.page_json import figures
from tests.web_view import busy_view, empty_view

LINE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)+)\})? (-?[0-9.e+-]+)')


def parse(text: str) -> dict[str, float]:
    """Return {name and labels: value}; fails on a line that is not in the format."""
    found: dict[str, float] = {}
    declared: set[str] = set()
    for line in text.splitlines():
        if line.startswith("# "):
            declared.add(line.split()[2])
            continue
        match = LINE.fullmatch(line)
        assert match is not None, line
        assert match[1] in declared
        key = line.rpartition(" ")[0]
        assert key not in found
        found[key] = float(match[3])
    return found


def test_the_figures_are_those_of_stats() -> None:
    view = busy_view()
    shown = figures(view)
    found = parse(render(shown))
    x = shown["stats"]["sources"]["x"]
    assert found['feedback_ingested_total{source="x"}'] == x["ingested"] > 0
    assert found['feedback_records_total{source="x",outcome="scored"}'] == x["scored"]
    assert found['feedback_alerts{channel="#positive-feedback",state="pending"}'] == 1
    assert found['feedback_stage_lag{stage="sentiment"}'] == 3
    assert found['feedback_source_last_message_seconds{source="x"}'] == view.clock.now - 4
    assert found["feedback_balanced"] == 1
    assert found["feedback_workers"] == 2
    assert found["feedback_dead_letters_open"] == 1
    labels = [found[f'feedback_sentiment_total{{label="{n}"}}'] for n in shown["labels"]]
    assert sum(labels) == sum(s["scored"] for s in shown["stats"]["sources"].values())


def test_a_worker_without_data_renders_too() -> None:
    assert parse(render(figures(empty_view())))["feedback_workers"] == 0


@given(st.text())
def test_any_label_value_can_be_parsed_back(value: str) -> None:
    escaped = escape(value)
    assert "\n" not in escaped
    back = re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), escaped, flags=re.S)
    assert back == value
    assert not re.search(r'(?<!\\)(?:\\\\)*"', escaped)
