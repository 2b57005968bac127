"""The sandbox as a separate process."""

import asyncio
import signal
import sys
from pathlib import Path

import aiohttp
import orjson
import pytest

from feedback_app.sandbox import read_log
from feedback_app.sandbox.__main__ import arguments
from feedback_app.sandbox.log import Put


async def test_it_prints_its_addresses_and_stops_on_a_signal(tmp_path: Path) -> None:
    log = tmp_path / "sandbox.jsonl"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "feedback_app.sandbox", "--log", str(log)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    addresses = orjson.loads(await process.stdout.readline())
    assert addresses["slack_url"] == addresses["url"] + "/api/"
    async with (
        aiohttp.ClientSession(addresses["url"]) as http,
        http.post("/sandbox/x/post", json={"text": "hello"}) as answer,
    ):
        assert answer.status == 200
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
    (entry,) = read_log(log)
    assert isinstance(entry, Put)
    assert entry.text == "hello"


@pytest.mark.parametrize(
    "wrong", [["--faults", "flood"], ["--input", "nowhere.jsonl"], ["--via", "y"]]
)
def test_an_invalid_option_exits_with_status_2(
    wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        arguments(wrong)
    assert raised.value.code == 2
    assert "error:" in capsys.readouterr().err
