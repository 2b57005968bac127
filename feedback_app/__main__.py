"""The program `feedback`, also as `python -m feedback_app`."""

import sys
from collections.abc import Sequence

from feedback_app.cli import FAUST_COMMANDS, program
from feedback_app.settings import ConfigurationError

_OUR_OPTIONS = ("-h", "--help", "--version")
_WITH_VALUE = ("-A", "--app", "-W", "--workdir", "-D", "--datadir", "-L", "--loop")


def is_for_faust(args: Sequence[str]) -> bool:
    """Whether the arguments are a Faust command or begin with a Faust option."""
    if not args or args[0] in _OUR_OPTIONS:
        return False
    return args[0].startswith("-") or args[0] in FAUST_COMMANDS


def with_app(args: Sequence[str]) -> list[str]:
    """Return the arguments with this app as `-A`, unless they have an `-A` already."""
    skip = False
    for arg in args:
        if skip:
            skip = False
        elif arg in ("-A", "--app") or arg.startswith("--app="):
            return list(args)
        elif arg in _WITH_VALUE:
            skip = True
        elif not arg.startswith("-"):
            break
    return ["-A", "feedback_app", *args]


def main() -> None:
    """Run a command; exits with 0 for success, 1 for a failed check, 2 for a usage error."""
    args = sys.argv[1:]
    try:
        if is_for_faust(args):
            # Imports all of Faust, which our own commands do not need.
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
