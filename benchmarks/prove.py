"""Proves the tests: plants one defect at a time in a copy; its test must fail.

    python -m benchmarks.prove            all of them
    python -m benchmarks.prove guard      those with the word in their name

Exits with status 1 if a test passes with its defect, or fails without it.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.prove_defects import DEFECTS, Defect

ROOT = Path(__file__).parents[1]
LIMIT_S = 300
PASSED, FAILED = 0, 1
"""Exit statuses of pytest; all others mean that no test finished."""


class CannotProve(Exception):
    """A defect does not fit the code, or its test is missing or fails without it."""


def copied(to: Path) -> None:
    """Copy the working tree: tracked files and untracked ones that git does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        source, target = ROOT / name, to / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def planted(defect: Defect, tree: Path) -> dict[Path, str]:
    """Plant a defect and return {file: original text}; raises CannotProve if it does not fit."""
    before: dict[Path, str] = {}
    for edit in defect.edits:
        path = tree / edit.file
        text = path.read_text()
        if text.count(edit.old) != 1:
            restore(before)
            raise CannotProve(
                f"{defect.name}: {edit.file} has {text.count(edit.old)} times: {edit.old.strip()}"
            )
        before.setdefault(path, text)
        path.write_text(text.replace(edit.old, edit.new))
    return before


def restore(before: dict[Path, str]) -> None:
    """Write the original texts back."""
    for path, text in before.items():
        path.write_text(text)


def ran(tests: Sequence[str], tree: Path) -> int:
    """Return pytest's exit status for these tests in the copy."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = (sys.executable, "-m", "pytest", "-q", "-x", "--tb=no", "-p", "no:cacheprovider")
    try:
        done = subprocess.run(
            [*command, *tests],
            cwd=tree,
            # No bytecode: two edits within a second would share it.
            env={**environment, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            timeout=LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        # A defect may make the program hang, which its test does not accept.
        return FAILED
    return done.returncode


def prove(defects: Sequence[Defect], console: Console) -> bool:
    """Plant each defect and run its test; return whether every test failed. Raises CannotProve."""
    shown = Table("defect", "test", "fails", title="Planted defects", title_justify="left")
    good = True
    with tempfile.TemporaryDirectory(prefix="feedback-prove-") as folder:
        tree = Path(folder)
        copied(tree)
        tests = sorted({defect.test for defect in defects})
        if ran(tests, tree) != PASSED:
            wrong = [test for test in tests if ran([test], tree) != PASSED]
            raise CannotProve(f"not green without a defect: {', '.join(wrong)}")
        with Progress(console=console, transient=True) as progress:
            for defect in progress.track(defects, description="defects"):
                before = planted(defect, tree)
                red = ran([defect.test], tree) == FAILED
                restore(before)
                good &= red
                shown.add_row(defect.name, defect.test.rpartition("::")[2], "yes" if red else "NO")
    console.print(shown)
    return good


def main() -> None:
    """Run; exits with status 1 unless every defect is noticed."""
    parser = argparse.ArgumentParser(prog="make prove", description="Plants defects; tests notice.")
    parser.add_argument("word", nargs="?", default="", help="only defects with this in their name")
    word = parser.parse_args().word
    defects = [defect for defect in DEFECTS if word in defect.name]
    console = Console()
    try:
        good = prove(defects, console)
    except CannotProve as error:
        sys.exit(str(error))
    console.print(f"{len(defects)} defects, {'each noticed' if good else 'NOT all noticed'}")
    sys.exit(not good)


if __name__ == "__main__":
    main()
