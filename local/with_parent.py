"""Become a command that ends with the program that started it: ``with_parent.py SIGNAL PARENT COMMAND...`` (Linux).

Run as a script of its own and not as code between fork and exec, which is unsafe in a program with threads.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1  # <sys/prctl.h>: "send me this signal when my parent dies"; it outlives exec


def main() -> None:
    """Ask the kernel, make sure that it was not too late, and become the command."""
    number, parent, *command = sys.argv[1:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() == int(parent):
        os.execvp(command[0], command)  # noqa: S606  no shell is wanted; the command comes from LocalProcess


if __name__ == "__main__":
    main()
