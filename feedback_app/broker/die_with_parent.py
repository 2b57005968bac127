"""Executes a program that the kernel kills when its parent dies: PARENT_PID COMMAND…

Run as a script without site packages, so that it costs only milliseconds. The parent is the
*thread* that started it. On systems other than Linux it only executes the program.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def wrap(command: list[str]) -> list[str]:
    """Return the command line that executes `command` and dies with the calling thread."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]


def main(arguments: list[str]) -> None:
    """Request the death signal, check that the parent is still alive, and execute COMMAND."""
    parent, command = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit("the parent has died")
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
