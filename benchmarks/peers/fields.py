"""The records of both jobs, for the engines that want columns."""

HOP = (
    "`id` STRING, `text` STRING, `source` STRING, `lang` STRING, `author` STRING, "
    "`created_at` STRING"
)
"""A message of the hop alone."""
WHOLE = (
    f"{HOP}, `revision` BIGINT, `kind` STRING, `url` STRING, `received_at` STRING, "
    "`truncated` BOOLEAN, `version` INT"
)
"""A record of `raw` as this project's sources write it."""


def columns(kind: str) -> str:
    """Return the columns of the job that has this scorer, as SQL declares them."""
    return HOP if kind == "none" else WHOLE


def names(kind: str) -> list[str]:
    """Return the names of the columns."""
    return [column.split("`")[1] for column in columns(kind).split(", ")]
