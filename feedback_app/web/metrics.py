"""`/metrics`: the figures of `/stats` in the Prometheus text format. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from models import from_rfc3339

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Json = Mapping[str, Any]
Labels = Mapping[str, str]
Sample = tuple[Labels, float]


def render(figures: Json) -> str:
    """Return the metrics of the figures, which are those of `web.page_json.figures`."""
    stats = figures["stats"]
    return "".join(
        [
            *_sources(stats["sources"]),
            *_stages(stats["stages"]),
            *_alerts(stats["alerts"]),
            *_dead_letters(stats["dead_letters"]),
            _family(
                "feedback_sentiment_total",
                "counter",
                "Messages scored, by the most probable class.",
                [({"label": name}, n) for name, n in figures["labels"].items()],
            ),
            _family(
                "feedback_worker_partitions",
                "gauge",
                "Partitions that a live worker holds, of all topics.",
                [
                    ({"worker": worker["id"]}, sum(map(len, worker["partitions"].values())))
                    for worker in stats["workers"]
                ],
            ),
            _family("feedback_workers", "gauge", "Live workers.", [({}, len(stats["workers"]))]),
            _family(
                "feedback_balanced",
                "gauge",
                "1 while every record read is accounted for.",
                [({}, stats["balanced"])],
            ),
            _family(
                "feedback_outside_fault",
                "gauge",
                "1 for each dependency that fails.",
                [({"party": dependency}, 1) for dependency in figures["faults"]],
            ),
        ]
    )


def _sources(sources: Json) -> list[str]:
    outcomes = ("duplicate", "scored", "unscored", "deleted", "dead_lettered", "filtered")
    return [
        _family(
            "feedback_ingested_total",
            "counter",
            "Records read from a source.",
            [({"source": name}, source["ingested"]) for name, source in sources.items()],
        ),
        _family(
            "feedback_records_total",
            "counter",
            "Outcomes of a source's records; filtered ones were never ingested.",
            [
                ({"source": name, "outcome": outcome}, source[outcome])
                for name, source in sources.items()
                for outcome in outcomes
            ],
        ),
        _family(
            "feedback_source_state",
            "gauge",
            "1 for the state that a source is in.",
            [({"source": name, "state": s["state"]}, 1) for name, s in sources.items()],
        ),
        _family(
            "feedback_source_last_message_seconds",
            "gauge",
            "Unix time of a source's latest message.",
            [
                ({"source": name}, from_rfc3339(source["last_message_at"]))
                for name, source in sources.items()
                if source["last_message_at"] is not None
            ],
        ),
    ]


def _stages(stages: Json) -> list[str]:
    def by_stage(key: str) -> list[Sample]:
        return [({"stage": name}, stage[key]) for name, stage in stages.items()]

    return [
        _family("feedback_stage_lag", "gauge", "Records a stage has yet to read.", by_stage("lag")),
        _family(
            "feedback_stage_per_second",
            "gauge",
            "Records a stage finishes a second.",
            by_stage("per_second"),
        ),
        _family(
            "feedback_stage_dead_lettered_total",
            "counter",
            "Dead letters of a stage.",
            by_stage("dead_lettered"),
        ),
        _family(
            "feedback_stage_waiting",
            "gauge",
            "1 while a dependency blocks a stage.",
            [({"stage": name}, bool(stage["waiting_for"])) for name, stage in stages.items()],
        ),
    ]


def _dead_letters(counts: Json | None) -> list[str]:
    samples: list[Sample] = [] if counts is None else [({}, counts["open"])]
    text = "Dead letters that were neither retried nor dropped."
    return [_family("feedback_dead_letters_open", "gauge", text, samples)]


def _alerts(alerts: Json) -> list[str]:
    states = ("delivered", "retracted", "pending", "dead_lettered")
    return [
        _family(
            "feedback_alerts_created_total",
            "counter",
            "Alerts for a channel.",
            [({"channel": name}, channel["created"]) for name, channel in alerts.items()],
        ),
        # Not a counter: a retracted alert is subtracted from `delivered`.
        _family(
            "feedback_alerts",
            "gauge",
            "Alerts of a channel by their state.",
            [
                ({"channel": name, "state": state}, channel[state])
                for name, channel in alerts.items()
                for state in states
            ],
        ),
        _family(
            "feedback_duplicates_repaired_total",
            "counter",
            "Duplicate messages of an alert that were found and deleted.",
            [
                ({"channel": name}, channel["duplicates_repaired"])
                for name, channel in alerts.items()
            ],
        ),
    ]


def _family(name: str, kind: str, text: str, samples: Iterable[Sample]) -> str:
    lines = [f"{name}{_labels(labels)} {_number(value)}\n" for labels, value in samples]
    return "".join([f"# HELP {name} {text}\n# TYPE {name} {kind}\n", *lines])


def _labels(labels: Labels) -> str:
    inner = ",".join(f'{name}="{escape(value)}"' for name, value in labels.items())
    return f"{{{inner}}}" if inner else ""


def escape(value: str) -> str:
    """Return a label value with backslash, quote and line feed escaped."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
