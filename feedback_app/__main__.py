"""The program `feedback`, also as `python -m feedback_app`."""

import sys
from collections.abc import Sequence

from feedback_app.cli import FAUST_COMMANDS, program
from feedback_app.settings import ConfigurationError

_OURS = ("-h", "--help", "--version")
_TAKES_A_VALUE = ("-A", "--app", "-W", "--workdir", "-D", "--datadir", "-L", "--loop")


def is_fausts(args: Sequence[str]) -> bool:
    """Tell whether the arguments are for Faust's own commands (or begin with its options)."""
    if not args or args[0] in _OURS:
        return False
    return args[0].startswith("-") or args[0] in FAUST_COMMANDS


def with_app(args: Sequence[str]) -> list[str]:
    """Return the arguments with this app as Faust's `-A`, unless they name one themselves."""
    skip = False
    for arg in args:
        if skip:
            skip = False
        elif arg in ("-A", "--app") or arg.startswith("--app="):
            return list(args)
        elif arg in _TAKES_A_VALUE:
            skip = True
        elif not arg.startswith("-"):
            break
    return ["-A", "feedback_app", *args]


def main() -> None:
    """Run a command; exits 0 for success, 1 where a check failed, 2 for a usage error."""
    args = sys.argv[1:]
    try:
        if is_fausts(args):
            # Pulls in all of Faust, which our own commands do without.
            from faust.cli.faust import cli

            from feedback_app.cli import register

            register()
            cli.main(with_app(args), prog_name="feedback")
        else:
            program().main(args, prog_name="feedback")
    except ConfigurationError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
