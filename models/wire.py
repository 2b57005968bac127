"""What all records share: JSON encoding, declared fields, the version check, RFC 3339 times."""

from datetime import UTC, datetime
from functools import lru_cache
from math import floor
from types import UnionType
from typing import Any, ClassVar, Self, get_args, get_origin

import faust
import orjson


class InvalidRecord(ValueError):
    """Bytes that do not decode into a record; the message is the dead letter's reason."""


class _Every(set[str]):
    """A set that contains every name."""

    def __contains__(self, name: object) -> bool:
        return True


FieldTypes = tuple[tuple[str, tuple[type, ...]], ...]
"""Names of fields, each with the types that `isinstance` may find in it."""


class Wire(faust.Record, abstract=True, include_metadata=False):
    """A Faust record that encodes itself to JSON bytes and decodes itself from them.

    Its class body is the only list of its fields: names, types, defaults, and the order in JSON.
    """

    VERSION = 1
    _defaults: ClassVar[dict[str, Any]]
    """All fields in their order; None for a required one."""
    _types: ClassVar[FieldTypes]
    """All fields but nested records, which check themselves."""

    # Of a built record: else Faust would convert a nested one again at its first use.
    __evaluated_fields__ = _Every()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._index_fields()

    @classmethod
    def _index_fields(cls) -> None:
        """Derive from the declared fields what decoding needs; called once per class."""
        declared, given = cls._options.fields, {**cls._options.defaults, "version": cls.VERSION}
        cls._defaults = {name: given.get(name) for name in declared}
        types = {name: _allowed(kind) for name, kind in declared.items()}
        cls._types = tuple((name, allowed) for name, allowed in types.items() if allowed)

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """Return all fields with their defaults (None for a required one), to set and `build`."""
        return cls._defaults.copy()

    @classmethod
    def with_defaults(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Return all fields with their values in `data`, or else their defaults."""
        defaults = cls._defaults
        fields = defaults | data
        if len(fields) > len(defaults):
            for unknown in fields.keys() - defaults.keys():
                del fields[unknown]
        return fields

    @classmethod
    def build(cls, fields: dict[str, Any]) -> Self:
        """Return a record that takes over a dict of all its fields, already checked.

        Several times faster than a call: Faust runs a descriptor for every field that it sets,
        which is most of the cost of a hop.
        """
        record = cls.__new__(cls)
        record.__dict__ = fields
        return record

    def encode(self) -> bytes:
        """Return the record as one line of JSON in UTF-8."""
        return orjson.dumps(_fields(self), default=_fields)

    @classmethod
    def decode(cls, value: bytes | None, key: bytes | None = None) -> Self:
        """Return the record in `value`; raises InvalidRecord with a reason a person can read.

        `key` is the Kafka key, for records that take their id from it.
        """
        return cls.read(load_object(value), key)

    @classmethod
    def read(cls, data: dict[str, Any], key: bytes | None = None) -> Self:
        """Return the record of a decoded JSON object; raises InvalidRecord."""
        check_version(data, cls.VERSION)
        check_types(cls, data)
        try:
            return cls.from_data(data)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            reason = str(error).replace("__outer__.<locals>.__init__() ", "")
            raise InvalidRecord(f"not a {cls.__name__}: {reason}") from error


def load_object(value: bytes | None) -> dict[str, Any]:
    """Return the JSON object in `value`; raises InvalidRecord."""
    if value is None:
        raise InvalidRecord("no value (null)")
    try:
        data = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        try:
            value.decode()
        except UnicodeDecodeError as bad:
            raise InvalidRecord(f"not UTF-8: {bad.reason} at byte {bad.start}") from error
        raise InvalidRecord(f"not JSON: {error}") from error
    if not isinstance(data, dict):
        raise InvalidRecord(f"not a JSON object but {type(data).__name__}")
    return data


def check_version(data: dict[str, Any], newest: int) -> None:
    """Raise InvalidRecord unless the version is one that this build reads."""
    version = data.get("version", 1)
    if type(version) is not int or not 1 <= version <= newest:  # a bool is no version
        raise InvalidRecord(f"unknown version {version!r}: this build reads 1 to {newest}")


def check_types(kind: type[Wire], data: dict[str, Any]) -> None:
    """Raise InvalidRecord where a field is not of its declared type; contents are not checked."""
    for name, allowed in kind._types:
        if name in data and not isinstance(data[name], allowed):
            raise InvalidRecord(f"{name} is not of its type: {data[name]!r:.80}")


def _allowed(declared: Any) -> tuple[type, ...]:
    """Return the types that `isinstance` may find in a field; none for a nested record."""
    parts = get_args(declared) if isinstance(declared, UnionType) else (declared,)
    allowed = {get_origin(part) or part for part in parts}
    if float in allowed:
        allowed.add(int)
    nested = any(issubclass(one, faust.Record) for one in allowed)
    return () if nested else tuple(allowed)


def _fields(record: object) -> object:
    if isinstance(record, faust.Record):
        fields = record.__dict__
        return record.asdict() if "__evaluated_fields__" in fields else fields
    raise TypeError(f"{type(record).__name__} is not part of a record")


def rfc3339(seconds: float) -> str:
    """Return Unix seconds as RFC 3339 in UTC, truncated to milliseconds."""
    whole = floor(seconds)
    microseconds = round((seconds - whole) * 1_000_000)
    more, microseconds = divmod(microseconds, 1_000_000)
    return f"{_whole_seconds(whole + more)}.{microseconds // 1000:03d}Z"


@lru_cache(maxsize=64)
def _whole_seconds(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def from_rfc3339(text: str) -> float:
    """Return Unix seconds of an RFC 3339 time; raises ValueError, also without a time zone."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"no time zone in {text!r}")
    return at.timestamp()
