"""How a part tells whoever started it that it is ready to serve.

The starter leaves the writing end of a pipe open and its number in the environment; the part writes one
line once it can do its work. A part that nobody waits for says nothing. Unlike a connection test this
cannot mistake another program on the same port for the part.
"""

from __future__ import annotations

import os

READY_FD = "CUSTOS_READY_FD"


def announce_ready() -> None:
    """Tell the starter, once; does nothing when nobody asked or when it was told already."""
    number = os.environ.pop(READY_FD, None)
    if number is None or not number.isdecimal():
        return
    try:
        os.write(int(number), b"ready\n")
        os.close(int(number))
    except OSError:
        # The starter is gone; what that means for this process is its parent-death signal's business.
        return
