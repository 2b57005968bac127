"""Settings of a node and their rendering as a properties file."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_app.broker.config import NodePlan, render, server_properties
from feedback_app.broker.ports import HIGHEST, LOWEST, choose_ports

DATA = Path("/data")


def cluster(nodes: int) -> list[NodePlan]:
    return [NodePlan(n, 9000 + n, 9100 + n, DATA / str(n)) for n in range(1, nodes + 1)]


def java_properties(text: str) -> dict[str, str]:
    """Parse a properties file by the rules of java.util.Properties, including escapes."""
    found = {}
    for line in text.split("\n")[:-1]:
        parts, units, at = [bytearray()], iter(line), 0
        for char in units:
            if char == "\\":
                escaped = next(units)
                if escaped == "u":
                    code = int("".join(next(units) for _ in range(4)), 16)
                    parts[at] += code.to_bytes(2, "big")
                    continue
                char = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}.get(escaped, escaped)
            elif at == 0 and char in "=: \t\f":
                assert char == "=", "another character ended the name"
                parts.append(bytearray())
                at = 1
                continue
            assert char.isascii()
            parts[at] += char.encode("utf-16-be")
        assert at == 1, "a line without a value"
        assert not line.startswith(("#", "!")), "a comment"
        found[parts[0].decode("utf-16-be")] = parts[1].decode("utf-16-be")
    return found


text = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(text, text))
def test_rendering_is_reversible(properties: dict[str, str]) -> None:
    assert java_properties(render(properties)) == properties


@given(st.integers(1, 9))
def test_nodes_agree_on_the_quorum_and_have_distinct_addresses(nodes: int) -> None:
    plans = cluster(nodes)
    found = [server_properties(plan, plans) for plan in plans]
    assert len({each["controller.quorum.voters"] for each in found}) == 1
    assert found[0]["controller.quorum.voters"].count("@127.0.0.1:") == nodes
    listeners = [part for each in found for part in each["listeners"].split(",")]
    assert len(set(listeners)) == 2 * nodes
    assert all("://127.0.0.1:" in listener for listener in listeners)
    assert len({each["log.dirs"] for each in found}) == nodes


@pytest.mark.parametrize(
    ("nodes", "replicas", "in_sync"), [(1, 1, 1), (2, 2, 1), (3, 3, 2), (5, 3, 2)]
)
def test_internal_topics_are_replicated_on_up_to_three_nodes(
    nodes: int, replicas: int, in_sync: int
) -> None:
    plans = cluster(nodes)
    found = server_properties(plans[0], plans)
    for topic in ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic"):
        assert found[f"{topic}.replication.factor"] == str(replicas)
    assert found["min.insync.replicas"] == str(in_sync)


@given(st.integers(1, 1 << 40))
def test_a_bound_on_the_log_leaves_segments_that_can_be_deleted(bound: int) -> None:
    plans = cluster(1)
    found = server_properties(plans[0], plans, retention_bytes=bound)
    assert found["log.retention.bytes"] == str(bound)
    assert 1 << 20 <= int(found["log.segment.bytes"]) <= max(1 << 20, bound // 4)
    assert int(found["log.segment.bytes"]) < 1 << 31


def test_without_a_bound_kafkas_default_applies() -> None:
    plans = cluster(1)
    assert "log.retention.bytes" not in server_properties(plans[0], plans)


@given(
    st.integers(1, 9),
    st.lists(st.integers(1, 65_535), max_size=9),
    st.lists(st.integers(1, 65_535), max_size=9),
    st.integers(),
)
def test_ports_are_free_different_and_outside_the_ephemeral_range(
    count: int, preferred: list[int], taken: list[int], seed: int
) -> None:
    def free(port: int) -> bool:
        return port % 3 != 0

    chosen = choose_ports(count, preferred, taken, free, random.Random(seed))
    assert len(set(chosen)) == count
    assert all(free(port) and port not in taken for port in chosen)
    assert all(port in preferred or LOWEST <= port < HIGHEST for port in chosen)


def test_preferred_ports_come_first() -> None:
    assert choose_ports(2, [9092, 9093, 9094], (), lambda _: True) == [9092, 9093]


def test_no_free_port_raises() -> None:
    with pytest.raises(OSError, match="no 1 free ports"):
        choose_ports(1, free=lambda _: False)
