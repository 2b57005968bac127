"""Malformed payloads: extra items that a source must send to the DLQ one by one."""

from typing import Any

X_SHAPES = ("no id", "no text", "text is a number", "id is null")
SLACK_SHAPES = ("no ts", "text is a number", "text is an object", "ts is a number")


def x_post(shape: str, real: dict[str, Any]) -> dict[str, Any]:
    """Return a malformed copy of a post object, with its own id."""
    # This bit is far above the sequence numbers of posts within one millisecond.
    id = str(int(real["id"]) | 1 << 21)
    post = real | {"id": id, "text": "odd payload", "edit_history_tweet_ids": [id]}
    if shape == "no id":
        del post["id"], post["edit_history_tweet_ids"]
    elif shape == "no text":
        del post["text"]
    elif shape == "text is a number":
        post["text"] = 17
    else:
        post["id"] = None
    return post


def slack_event(shape: str, real: dict[str, Any]) -> dict[str, Any]:
    """Return a malformed message event with the channel and user of the real one.

    Its ts, if any, is one microsecond after the real one, where there is no message.
    """
    event = {name: real[name] for name in ("type", "channel", "channel_type", "user")}
    ts = real["ts"][:-1] + "1"
    event |= {"text": "odd payload", "ts": ts, "event_ts": ts}
    if shape == "no ts":
        del event["ts"], event["event_ts"]
    elif shape == "text is a number":
        event["text"] = 17
    elif shape == "text is an object":
        event["text"] = {"unexpected": True}
    else:
        event["ts"] = 17
    return event
