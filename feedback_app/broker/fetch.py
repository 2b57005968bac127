"""The broker's jars: from KAFKA_HOME, from the cache, or downloaded into it."""

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from feedback_app.broker.errors import BrokerUnavailable
from feedback_app.broker.lock import LOCK_FILE, Artifact, kafka_version, parse_lock
from feedback_app.broker.locks import exclusive

Advance = Callable[[int], None]
Download = Callable[[Artifact, Path, Advance], Path]
"""Downloads an artifact into a folder, reports the bytes received, and returns the file."""

ELSEWHERE = (
    "set FEEDBACK_KAFKA_BOOTSTRAP (for a demo: --kafka) to a Kafka that runs elsewhere, or "
    "KAFKA_HOME to an unpacked Apache Kafka"
)
PART = ".part-"
PARALLEL = 6
MAX_ATTEMPTS = 3


def cache_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the download cache: FEEDBACK_CACHE_DIR, else the user's cache directory."""
    if cache := environ.get("FEEDBACK_CACHE_DIR"):
        return Path(cache)
    base = environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "feedback-monitor"


def kafka_jars(environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Return the class path of Kafka, downloaded if needed; blocks and shows progress.

    Raises BrokerUnavailable with one line that says what to change.
    """
    if home := environ.get("KAFKA_HOME"):
        return unpacked_jars(Path(home))
    artifacts = parse_lock(LOCK_FILE.read_text())
    return install(artifacts, cache_dir(environ) / f"kafka-{kafka_version(artifacts)}", download)


def unpacked_jars(home: Path) -> list[Path]:
    """Return the jars of an unpacked Kafka; raises BrokerUnavailable if there are none."""
    jars = sorted((home / "libs").glob("*.jar"))
    if not any(jar.name.startswith("kafka_2.") for jar in jars):
        raise BrokerUnavailable(
            f"KAFKA_HOME: {home} holds no Kafka (no libs/kafka_2.*.jar): set it to the folder that "
            "the release unpacks to, or unset it"
        )
    return jars


def install(artifacts: Sequence[Artifact], folder: Path, fetch: Download) -> list[Path]:
    """Ensure that `folder` holds every artifact with the right checksum, and return the files.

    Existing files are verified each time and replaced if corrupt. Concurrent processes wait for one
    download. Raises BrokerUnavailable.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(not artifact.is_intact(folder) for artifact in artifacts):
            with exclusive(folder / ".lock"):
                missing = [a for a in artifacts if not a.is_intact(folder)]
                if missing:
                    _fetch_all(missing, folder, fetch)
    except OSError as error:
        raise BrokerUnavailable(
            f"cannot keep Apache Kafka in {folder} ({error.strerror or error}): set "
            "FEEDBACK_CACHE_DIR to a folder with 100 MB to spare"
        ) from error
    return [folder / artifact.filename for artifact in artifacts]


def download(artifact: Artifact, folder: Path, advance: Advance) -> Path:
    """Download an artifact with jgo, from its default or the user's jgo.conf repositories."""
    from jgo.config import GlobalSettings
    from jgo.maven import MavenContext, PythonResolver

    context = MavenContext(
        repo_cache=folder, resolver=PythonResolver(progress_callback=_progress_callback(advance))
    )
    context.remote_repos = GlobalSettings.load().repositories | context.remote_repos
    project = context.project(artifact.group, artifact.name)
    return project.at_version(artifact.version).artifact().resolve()


def _progress_callback(advance: Advance) -> Callable[[str, int], AbstractContextManager[Advance]]:
    @contextmanager
    def progress(_name: str, _size: int) -> Iterator[Advance]:
        yield advance

    return progress


def _fetch_all(missing: Sequence[Artifact], folder: Path, fetch: Download) -> None:
    for left_over in folder.glob(f"{PART}*"):
        shutil.rmtree(left_over, ignore_errors=True)
    with (
        tempfile.TemporaryDirectory(dir=folder, prefix=PART) as part,
        _progress(sum(artifact.size for artifact in missing)) as advance,
    ):
        stop = threading.Event()

        def fetch_unless_stopped(artifact: Artifact) -> None:
            if not stop.is_set():
                _fetch_one(artifact, Path(part), folder, fetch, advance)

        with ThreadPoolExecutor(PARALLEL) as pool:
            try:
                for _ in pool.map(fetch_unless_stopped, missing):
                    pass
            finally:
                stop.set()
                pool.shutdown(wait=True, cancel_futures=True)


def _fetch_one(
    artifact: Artifact, part: Path, folder: Path, fetch: Download, advance: Advance
) -> None:
    """Download into a temporary folder, verify, and move into place atomically."""
    reason = ""
    for number in range(MAX_ATTEMPTS):
        attempt = part / f"{artifact.filename}.{number}"
        try:
            downloaded = fetch(artifact, attempt, advance)
        except ImportError as error:
            raise BrokerUnavailable(
                f"the local broker needs {error.name}: install the extra `broker` of this package, "
                f"or {ELSEWHERE}"
            ) from error
        except Exception as error:
            # jgo and its dependencies raise many types for a failed download.
            reason = _reason(error)
            continue
        staged = downloaded.rename(part / artifact.filename)
        if artifact.is_intact(part):
            staged.replace(folder / artifact.filename)
            return
        reason = f"{artifact.filename} came with another SHA-256 sum than {LOCK_FILE.name} has"
    raise BrokerUnavailable(f"cannot download Apache Kafka: {reason}: {ELSEWHERE}")


def _reason(error: Exception) -> str:
    """Return the root cause of a network error, on one line."""
    inner: BaseException = error
    while (cause := inner.__cause__ or inner.__context__) is not None:
        inner = cause
    return " ".join(str(inner).split()) or type(inner).__name__


@contextmanager
def _progress(total: int) -> Iterator[Advance]:
    """Show progress on stderr: a bar on a terminal, otherwise one line."""
    console = Console(stderr=True)
    if not console.is_terminal:
        console.print(f"Downloading Apache Kafka ({total / 1e6:.0f} MB, once) …", highlight=False)
        yield lambda _count: None
        return
    with Progress(
        TextColumn("Downloading Apache Kafka (once)"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    ) as bar:
        task = bar.add_task("", total=total)
        yield lambda count: bar.advance(task, count)
