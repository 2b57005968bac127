"""Which peers there are, and how each is installed and started."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from feedback_app.broker.fetch import cache_dir

HERE = Path(__file__).parent
FAUST = ("-m", "faust", "-A", "benchmarks.peers.ours", "worker", "-l", "info", "--without-web")


@dataclass(frozen=True, slots=True)
class Peer:
    """A program that does the hop; `requires` go into a virtual environment of its own.

    Without any it runs in this project's. `messages` is a backlog that it works on for some
    seconds.
    """

    title: str
    arguments: tuple[str, ...]
    requires: tuple[str, ...] = ()
    messages: int = 500_000
    takes_addresses: bool = True


def script(name: str) -> tuple[str, ...]:
    """Return the arguments that run a peer's script."""
    return (str(HERE / name),)


PEERS = {
    "ours": Peer("this pipeline's hop, untyped JSON", FAUST, takes_addresses=False),
    "aiokafka": Peer("aiokafka 0.14.0, bare loop", ("-m", "benchmarks.hop.loop")),
    "confluent": Peer(
        "confluent-kafka 2.12.2, bare loop",
        script("confluent.py"),
        ("confluent-kafka==2.12.2", "orjson==3.13.0"),
    ),
    "quix": Peer("Quix Streams 3.28.1", script("quix.py"), ("quixstreams==3.28.1",)),
    "faust": Peer(
        "plain Faust 0.15.3, as documented",
        script("plain_faust.py"),
        ("faust-streaming==0.15.3", "aiokafka==0.14.0"),
        messages=20_000,
    ),
}


def python(name: str) -> str:
    """Return the interpreter of a peer, installed if it is not there yet."""
    requires = PEERS[name].requires
    if not requires:
        return sys.executable
    folder = cache_dir() / "peers" / "-".join([name, *requires[:1]])
    interpreter = folder / "bin" / "python"
    ready = folder / "ready"
    if not ready.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = [str(interpreter), "-m", "pip", "install", "--quiet", *requires]
        subprocess.run(install, check=True)
        ready.touch()
    return str(interpreter)
