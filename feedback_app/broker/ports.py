"""Finds free ports on loopback."""

import random
import socket
from collections.abc import Callable, Sequence
from itertools import chain

HOST = "127.0.0.1"

# Below every usual ephemeral range: a client that keeps reconnecting to a dead node can be given
# an ephemeral port as its own source port, connect to itself, and keep the node from coming back.
LOWEST, HIGHEST = 10_240, 32_000
MAX_ATTEMPTS = 1_000


def is_free(port: int) -> bool:
    """Return whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def choose_ports(
    count: int,
    preferred: Sequence[int] = (),
    taken: Sequence[int] = (),
    free: Callable[[int], bool] = is_free,
    rng: random.Random | None = None,
) -> list[int]:
    """Return `count` distinct free ports, preferred ones first, excluding `taken`."""
    rng = rng or random.SystemRandom()
    others = (rng.randrange(LOWEST, HIGHEST) for _ in range(MAX_ATTEMPTS))
    chosen: list[int] = []
    for port in chain(preferred[:count], others):
        if len(chosen) == count:
            break
        if port not in chosen and port not in taken and free(port):
            chosen.append(port)
    if len(chosen) == count:
        return chosen
    raise OSError(f"no {count} free ports between {LOWEST} and {HIGHEST} on {HOST}")
