"""The program: `--help`, dispatch to Faust, and no heavy imports for help."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from feedback_app.__main__ import is_for_faust, with_app
from feedback_app.cli import COMMANDS, FAUST_COMMANDS, LazyCommand, lazy_commands, program


def loaded(name: str) -> click.Command:
    """Return the command behind a lazy one."""
    command = LazyCommand(name, COMMANDS[name])
    return command.make_context(name, ["--help"], resilient_parsing=True).command


def commands() -> list[tuple[str, click.Command]]:
    """Return our commands and subcommands, each with the words that call it."""
    found = []
    for name in COMMANDS:
        command = loaded(name)
        found.append((name, command))
        if isinstance(command, click.Group):
            found += [(f"{name} {sub}", inner) for sub, inner in command.commands.items()]
    return found


@pytest.mark.parametrize(("words", "command"), commands(), ids=lambda value: str(value))
def test_every_help_has_an_example_that_calls_the_command(
    words: str, command: click.Command
) -> None:
    text = CliRunner().invoke(command, ["--help"], prog_name="feedback").output
    assert "Example" in text
    assert f"feedback {words}" in text


def test_help_lists_our_commands_first_and_then_fausts() -> None:
    text = CliRunner().invoke(program(), ["--help"], prog_name="feedback").output
    rows = [line.split()[0] for line in text.splitlines() if line.startswith("  ") and line.strip()]
    listed = [row for row in rows if row in {*COMMANDS, *FAUST_COMMANDS}]
    assert listed == ["worker", *COMMANDS, *(n for n in FAUST_COMMANDS if n != "worker")]


def test_our_list_of_fausts_commands_is_complete() -> None:
    from faust.cli.faust import cli

    assert set(cli.commands) - set(COMMANDS) == set(FAUST_COMMANDS)


def test_the_help_of_every_faust_command_has_an_example() -> None:
    from faust.cli.faust import cli

    from feedback_app.cli import register

    register()
    for name in FAUST_COMMANDS:
        text = CliRunner().invoke(cli.commands[name], ["--help"]).output
        assert f"Example:\n    feedback {name}" in text


def test_help_imports_no_faust_and_no_model() -> None:
    script = (
        "import sys\n"
        "sys.argv = ['feedback', '--help']\n"
        "from feedback_app.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'faust', 'torch', 'aiokafka', 'tweepy', 'slack_sdk'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "feedback demo" in done.stdout


def test_registering_twice_adds_each_command_once() -> None:
    from faust.cli.faust import cli

    from feedback_app.cli import register

    register()
    before = dict(cli.commands)
    register()
    assert list(cli.commands) == list(before)
    assert set(COMMANDS) <= set(before)


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ([], False),
        (["--help"], False),
        (["-h"], False),
        (["--version"], False),
        (["worker", "-l", "info"], True),
        (["--debug", "worker"], True),
        (["topics"], False),
        (["nonsense"], False),
    ],
)
def test_only_fausts_commands_go_to_faust(args: list[str], expected: bool) -> None:
    assert is_for_faust(args) is expected


@pytest.mark.parametrize(
    "args",
    [["-A", "other", "worker"], ["--app=other", "worker"], ["--debug", "--app", "other", "worker"]],
)
def test_an_explicit_app_is_kept(args: list[str]) -> None:
    assert with_app(args) == args


def test_the_app_is_ours_by_default_and_options_of_the_command_are_unchanged() -> None:
    assert with_app(["worker", "-A"]) == ["-A", "feedback_app", "worker", "-A"]
    args = ["--workdir", "-A", "worker"]
    assert with_app(args) == ["-A", "feedback_app", *args]


def test_an_unknown_command_is_a_usage_error_that_suggests_similar_names() -> None:
    result = CliRunner().invoke(program(), ["topic"])
    assert result.exit_code == 2
    assert "Did you mean topics?" in result.output


def test_listing_lazy_commands_does_not_import_them() -> None:
    assert [command.name for command in lazy_commands()] == list(COMMANDS)
    assert all(command.get_short_help_str() for command in lazy_commands())


@pytest.mark.parametrize(
    "args",
    [
        ("score", "in.jsonl", "--output", "no/such/out.jsonl"),
        ("demo", "--report", "no/such/report.json"),
    ],
)
def test_an_output_file_that_cannot_be_written_is_refused_before_the_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, args: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.jsonl").write_text('{"text": "Well done"}\n')
    result = CliRunner().invoke(program(), args)
    assert result.exit_code == 2
    assert "there is no folder no/such: create it first" in result.stderr


def test_a_replay_with_an_empty_time_range_is_refused() -> None:
    result = CliRunner().invoke(program(), ("replay", "--from", "1h", "--to", "2h"))
    assert result.exit_code == 2
    assert "--to is not after --from" in result.stderr
