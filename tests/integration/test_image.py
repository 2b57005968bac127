"""What the Dockerfile does, without Docker: an install by a user who is not root, that runs."""

import asyncio
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
import pytest

from feedback_app.broker import LocalKafka
from feedback_app.broker.ports import choose_ports
from feedback_app.sandbox import SLACK_BOT_TOKEN, Sandbox

ROOT = Path(__file__).parents[2]
NOBODY = 65534
READY_WITHIN_S = 240.0


def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text()


def copied() -> list[str]:
    """Return what the Dockerfile copies into its first stage, from the build context."""
    first = dockerfile().split("FROM ")[1]
    return [
        name
        for line in re.findall(r"^COPY (.+)$", first, re.MULTILINE)
        for name in line.split()[:-1]
    ]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that any user may enter, as pytest's own are not."""
    with TemporaryDirectory(prefix="feedback-image-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def build_folder(open_folder: Path) -> Path:
    """A build context with only what the Dockerfile copies, which the user may read and write."""
    folder = open_folder / "build"
    for name in copied():
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)
    for path in (open_folder, *folder.rglob("*"), folder):
        os.chown(path, user_id(), user_id())
    return folder


def user_id() -> int:
    return NOBODY if os.getuid() == 0 else os.getuid()


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FEEDBACK_")}
    own = {"HOME": str(home)} if os.getuid() == 0 else {}
    return {**kept, **own, "PYTHONDONTWRITEBYTECODE": "1"}


def test_the_dockerfile_has_the_promised_parts() -> None:
    text = dockerfile()
    assert text.count("FROM ") == 2
    assert "ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu" in text
    assert "RUN deploy/install.sh /opt/feedback" in text
    assert "\nUSER feedback\n" in text
    assert "HEALTHCHECK" in text
    assert "/healthz" in text


@pytest.mark.timeout(1800)
async def test_its_steps_give_a_worker_that_becomes_ready(
    build_folder: Path, open_folder: Path, kafka: LocalKafka, unique_prefix: str
) -> None:
    prefix, user = open_folder / "prefix", NOBODY if os.getuid() == 0 else None
    install = await asyncio.create_subprocess_exec(
        *(str(build_folder / "deploy" / "install.sh"), str(prefix)),
        env=environment(open_folder),
        cwd=build_folder,
        user=user,
        group=user,
    )
    assert await install.wait() == 0
    shutil.rmtree(build_folder)
    (port,) = choose_ports(1)
    sandbox = Sandbox()
    await sandbox.start()
    log = (open_folder / "worker.log").open("wb")
    worker = await asyncio.create_subprocess_exec(
        *(str(prefix / "bin" / "feedback"), "worker", "-l", "info"),
        env=environment(open_folder)
        | {
            "FEEDBACK_KAFKA_BOOTSTRAP": kafka.bootstrap,
            "FEEDBACK_TOPIC_PREFIX": unique_prefix,
            "FEEDBACK_APP_ID": unique_prefix,
            "FEEDBACK_PARTITIONS": "2",
            "FEEDBACK_SLACK_BOT_TOKEN": SLACK_BOT_TOKEN,
            "FEEDBACK_SLACK_API_URL": sandbox.slack_url,
            "FEEDBACK_WEB_PORT": str(port),
        },
        cwd=open_folder,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=log,
        user=user,
        group=user,
    )
    log.close()
    try:
        assert await ready(port, worker), (open_folder / "worker.log").read_text()[-3000:]
    finally:
        worker.terminate()
        assert await worker.wait() == 0
        await sandbox.stop()


async def ready(port: int, worker: asyncio.subprocess.Process) -> bool:
    """Return whether `/readyz` answers 200 in time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + READY_WITHIN_S
    async with aiohttp.ClientSession() as session:
        while loop.time() < deadline and worker.returncode is None:
            try:
                async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                    if answer.status == 200:
                        return True
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.2)
    return False
