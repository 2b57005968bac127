"""Slack's validation of blocks and metadata; pure."""

from typing import Any

MAX_BLOCKS = 50
SECTION_TEXT = 3000
SECTION_FIELDS = 10
FIELD_TEXT = 2000
HEADER_TEXT = 150
CONTEXT_ELEMENTS = 10
ACTION_ELEMENTS = 25
BUTTON_TEXT = 75
BUTTON_VALUE = 2000
ID_LENGTH = 255
BLOCK_TYPES = frozenset(
    (
        "actions",
        "alert",
        "card",
        "carousel",
        "context",
        "context_actions",
        "data_table",
        "divider",
        "file",
        "header",
        "image",
        "input",
        "markdown",
        "plan",
        "rich_text",
        "section",
        "table",
        "task_card",
        "video",
    )
)


def block_errors(blocks: object) -> list[str]:
    """Return the validation errors of the blocks in Slack's wording; empty if valid."""
    if not isinstance(blocks, list):
        return ["must be an array [json-pointer:/blocks]"]
    if len(blocks) > MAX_BLOCKS:
        return [f"no more than {MAX_BLOCKS} items allowed [json-pointer:/blocks]"]
    found: list[str] = []
    seen: set[str] = set()
    for at, block in enumerate(blocks):
        where = f"/blocks/{at}"
        if not isinstance(block, dict):
            found.append(f"must be an object [json-pointer:{where}]")
            continue
        if block.get("type") not in BLOCK_TYPES:
            found.append(f"unsupported type: {block.get('type')} [json-pointer:{where}/type]")
            continue
        id = block.get("block_id")
        if id is not None and (not isinstance(id, str) or len(id) > ID_LENGTH or id in seen):
            found.append(f"block_id is invalid or repeated [json-pointer:{where}/block_id]")
        seen.add(str(id))
        check = _CHECKS.get(block["type"])
        if check is not None:
            found += check(block, where)
    return found


def metadata_error(metadata: object) -> str | None:
    """Return Slack's error code for invalid message metadata, or None."""
    if not isinstance(metadata, dict):
        return "invalid_metadata_format"
    kind, payload = metadata.get("event_type"), metadata.get("event_payload")
    if not isinstance(kind, str) or not kind or not isinstance(payload, dict):
        return "invalid_metadata_schema"
    return None


def _text(text: object, max_length: int, where: str, kinds: tuple[str, ...]) -> list[str]:
    if not isinstance(text, dict) or text.get("type") not in kinds:
        return [f"must be a text object of {' or '.join(kinds)} [json-pointer:{where}]"]
    content = text.get("text")
    if not isinstance(content, str) or not content:
        return [f"must be more than 0 characters [json-pointer:{where}/text]"]
    if len(content) > max_length:
        return [f"must be less than {max_length + 1} characters [json-pointer:{where}/text]"]
    return []


_ANY = ("plain_text", "mrkdwn")


def _section(block: dict[str, Any], where: str) -> list[str]:
    text, fields = block.get("text"), block.get("fields")
    if text is None and not fields:
        return [f"missing required field: text [json-pointer:{where}]"]
    found = [] if text is None else _text(text, SECTION_TEXT, f"{where}/text", _ANY)
    if isinstance(fields, list):
        if len(fields) > SECTION_FIELDS:
            found.append(
                f"no more than {SECTION_FIELDS} items allowed [json-pointer:{where}/fields]"
            )
        for at, field in enumerate(fields):
            found += _text(field, FIELD_TEXT, f"{where}/fields/{at}", _ANY)
    return found


def _header(block: dict[str, Any], where: str) -> list[str]:
    return _text(block.get("text"), HEADER_TEXT, f"{where}/text", ("plain_text",))


def _context(block: dict[str, Any], where: str) -> list[str]:
    elements = block.get("elements")
    if not isinstance(elements, list) or not 1 <= len(elements) <= CONTEXT_ELEMENTS:
        return [f"1 to {CONTEXT_ELEMENTS} items allowed [json-pointer:{where}/elements]"]
    found: list[str] = []
    for at, element in enumerate(elements):
        if not isinstance(element, dict) or element.get("type") != "image":
            found += _text(element, SECTION_TEXT, f"{where}/elements/{at}", _ANY)
    return found


def _actions(block: dict[str, Any], where: str) -> list[str]:
    elements = block.get("elements")
    if not isinstance(elements, list) or not 1 <= len(elements) <= ACTION_ELEMENTS:
        return [f"1 to {ACTION_ELEMENTS} items allowed [json-pointer:{where}/elements]"]
    found: list[str] = []
    ids: set[str] = set()
    for at, element in enumerate(elements):
        path = f"{where}/elements/{at}"
        if not isinstance(element, dict) or "type" not in element:
            found.append(f"missing required field: type [json-pointer:{path}]")
            continue
        if element["type"] == "button":
            found += _text(element.get("text"), BUTTON_TEXT, f"{path}/text", ("plain_text",))
            if len(str(element.get("value", ""))) > BUTTON_VALUE:
                found.append(
                    f"must be less than {BUTTON_VALUE + 1} characters [json-pointer:{path}/value]"
                )
        id = element.get("action_id")
        if id is not None and (not isinstance(id, str) or len(id) > ID_LENGTH or id in ids):
            found.append(f"action_id is invalid or repeated [json-pointer:{path}/action_id]")
        ids.add(str(id) if id is not None else path)
    return found


_CHECKS = {"section": _section, "header": _header, "context": _context, "actions": _actions}
