"""`feedback demo`: runs everything at once, against a sandbox X and Slack."""

from pathlib import Path

import click
import orjson

from feedback_app.cli.common import CheckFailed, Command, OutputFile, err, print_json, run
from feedback_app.demo.plan import DemoPlan, Via
from feedback_app.demo.report import Report
from feedback_app.sandbox import FAULT_NAMES

EXAMPLE = (
    "\b\nExample:\n"
    "  feedback demo\n"
    "  feedback demo --workers 2 --for 60\n"
    "  feedback demo --input tweets.jsonl --via x --report report.json\n"
    "  feedback demo --for 120 --faults all --seed 1"
)


def _faults(_: click.Context, __: click.Parameter, value: str | None) -> frozenset[str]:
    names = frozenset(part for part in (value or "").replace(" ", "").split(",") if part)
    if unknown := names - {*FAULT_NAMES, "all"}:
        raise click.BadParameter(
            f"unknown fault {min(unknown)!r}: choose from {', '.join(FAULT_NAMES)}, or all"
        )
    return frozenset(FAULT_NAMES) if "all" in names else names


@click.command(cls=Command, epilog=EXAMPLE)
@click.option(
    "--workers", type=click.IntRange(1, 16), default=1, show_default=True, help="Worker processes."
)
@click.option(
    "--for",
    "seconds",
    metavar="SECONDS",
    type=click.FloatRange(min=1),
    help="Play for this long, or to the end of the input; then exit.",
)
@click.option(
    "--input",
    "input_file",
    metavar="FILE.jsonl",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help='Play the {"text": …} lines of a file, with pacing and digests off.',
)
@click.option(
    "--via",
    type=click.Choice(["x", "slack", "mixed"]),
    default="mixed",
    show_default=True,
    help="Where the feedback is posted.",
)
@click.option(
    "--rate",
    metavar="N",
    type=click.FloatRange(min=0, min_open=True),
    help="Messages a second  [default: 1, with --input 100]",
)
@click.option(
    "--faults",
    metavar="LIST|all",
    callback=_faults,
    help=f"Faults to inject into the sandbox: {', '.join(FAULT_NAMES)}.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of all random choices.")
@click.option(
    "--kafka",
    metavar="ADDRESS",
    help="Use this Kafka instead of a local one; the topics `demo-…` are left there.",
)
@click.option(
    "--report",
    metavar="OUT.json",
    type=OutputFile(),
    help="Write the auditor's report to a file, and exit at the end of the input.",
)
def demo(
    workers: int,
    seconds: float | None,
    input_file: Path | None,
    via: Via,
    rate: float | None,
    faults: frozenset[str],
    seed: int,
    kafka: str | None,
    report: Path | None,
) -> None:
    """Run everything at once on this machine: Kafka, a sandbox X and Slack, and workers.

    Nothing leaves the machine. At the end an auditor counts the records in the topics and the
    requests to the sandbox; the exit status is 0 only if the accounts balance.
    """
    plan = DemoPlan(workers, seconds, input_file, via, rate, faults, seed, kafka, report)
    found, problems = run(_run(plan))
    if report is not None:
        report.write_bytes(orjson.dumps(found.as_dict(), option=orjson.OPT_INDENT_2) + b"\n")
    _print_summary(found)
    if problems:
        raise CheckFailed("the accounts do not balance: " + "; ".join(problems))
    click.echo("The accounts balance.")


async def _run(plan: DemoPlan) -> tuple[Report, list[str]]:
    # Imports the Kafka client and the broker, which `--help` does not need.
    from feedback_app.demo.runner import Demo

    return await Demo(plan, err()).run()


def _print_summary(report: Report) -> None:
    print_json(
        {name: value for name, value in report.as_dict().items() if name != "near_threshold"}
        | {"near_threshold": len(report.near_threshold)}
    )
