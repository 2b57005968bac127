"""The columns of the records of both jobs, for the SQL engines."""

HOP = (
    "`id` STRING, `text` STRING, `source` STRING, `lang` STRING, `author` STRING, "
    "`created_at` STRING"
)
"""A message of the hop."""
WHOLE = (
    f"{HOP}, `revision` BIGINT, `kind` STRING, `url` STRING, `received_at` STRING, "
    "`truncated` BOOLEAN, `version` INT"
)
"""A record of `raw`."""


def columns(kind: str) -> str:
    """Return the SQL column declarations of the job with this scorer."""
    return HOP if kind == "none" else WHOLE


def names(kind: str) -> list[str]:
    """Return the names of the columns."""
    return [column.split("`")[1] for column in columns(kind).split(", ")]
