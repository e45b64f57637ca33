"""Starts a program so that it cannot outlive whoever asked for it.

Run as a file: `python child.py PARENT-PID PROGRAM ARGUMENT…`. It asks the kernel to kill this process when
its parent dies, and then becomes the program; the request survives that. A launcher instead of a
`preexec_fn`, because code between fork and exec must not run in a process that has threads.

It is run by path and isolated (`-I -S`), so it imports the standard library and nothing else.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Have the kernel SIGKILL this process when its parent, whose pid is `parent`, dies.

    Also for a process that was forked and not launched: a worker's pool children. It holds for the
    calling process only; its own children must ask for themselves. Does not return if the parent is
    already gone. Raises OSError where the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    if os.getppid() != parent:
        # It died before the kernel was asked, so no signal will come.
        os.kill(os.getpid(), signal.SIGKILL)


def main(arguments: list[str]) -> None:
    """Become `arguments[1:]`, tied to the parent `arguments[0]`."""
    die_with_parent(int(arguments[0]))
    try:
        os.execvp(arguments[1], arguments[1:])  # noqa: S606  # the supervisor's own argv
    except OSError as error:
        sys.exit(f"custos: {arguments[1]} cannot be run: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
