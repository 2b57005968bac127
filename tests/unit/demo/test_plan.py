"""The settings of a demo's workers, and its input."""

from pathlib import Path

import pytest

from feedback_app.demo.plan import Addresses, Plan, new_run_id, settings_of, worker_environment
from feedback_app.demo.stream import items_of
from feedback_app.settings import ConfigurationError

ADDRESSES = Addresses("127.0.0.1:9092", "http://127.0.0.1:1", "http://127.0.0.1:1/api/")


def environment(plan: Plan, environ: dict[str, str] | None = None) -> dict[str, str]:
    return worker_environment(plan, ADDRESSES, "demo-1", environ or {"PATH": "/bin"})


def test_nothing_of_the_callers_configuration_leaks_in() -> None:
    environ = {
        "PATH": "/bin",
        "FEEDBACK_SLACK_BOT_TOKEN": "xoxb-real",
        "FEEDBACK_CONFIG": "/etc/real.toml",
        "FEEDBACK_KAFKA_BOOTSTRAP": "prod:9092",
        "FEEDBACK_MODEL": "./mine",
        "FEEDBACK_NEGATIVE_BELOW": "0.2",
    }
    found = environment(Plan(), environ)
    assert found["FEEDBACK_SLACK_BOT_TOKEN"] != "xoxb-real"
    assert found["FEEDBACK_KAFKA_BOOTSTRAP"] == "127.0.0.1:9092"
    assert "FEEDBACK_CONFIG" not in found
    assert (found["PATH"], found["FEEDBACK_MODEL"]) == ("/bin", "./mine")
    assert settings_of(found).negative_below == 0.2


@pytest.mark.parametrize(
    ("via", "sources"), [("x", ["x"]), ("slack", ["slack"]), ("mixed", ["x", "slack"])]
)
def test_only_the_played_platforms_are_sources(via: str, sources: list[str]) -> None:
    plan = Plan(via=via)  # type: ignore[arg-type]
    assert [source.id for source in settings_of(environment(plan)).sources] == sources


def test_a_file_turns_pacing_and_digests_off_and_the_bundled_stream_does_not(
    tmp_path: Path,
) -> None:
    settings = settings_of(environment(Plan(input=tmp_path / "in.jsonl")))
    assert (settings.slack_posts_per_second, settings.alert_digest_above) == (0, 0)
    settings = settings_of(environment(Plan()))
    assert (settings.slack_posts_per_second, settings.alert_digest_above) == (1, 30)


def test_each_run_has_its_own_topics_and_group() -> None:
    assert new_run_id() != new_run_id()
    settings = settings_of(environment(Plan()))
    assert settings.topic_prefix.startswith(settings.app_id)


def test_the_bundled_stream_is_long_and_varied() -> None:
    items = items_of(Plan())
    assert len(items) >= 200
    assert len({item.text for item in items}) > 0.95 * len(items)


@pytest.mark.parametrize("content", ["", "not json\n", '{"text": ""}\n', '{"words": "x"}\n'])
def test_an_invalid_file_is_reported_in_one_line(tmp_path: Path, content: str) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        items_of(Plan(input=file))
    assert "\n" not in str(caught.value)
    assert "in.jsonl" in str(caught.value)
