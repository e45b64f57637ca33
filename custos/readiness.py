"""How a part tells whoever started it that it is ready to serve.

The starter leaves the writing end of a pipe open and its number in the environment; the part writes one
line once it can do its work. A part that nobody waits for says nothing. Unlike a connection test this
cannot mistake another program on the same port for the part. systemd waits in its own way (sd_notify(3)),
which is served too, so that what is started after Custos finds it serving.
"""

from __future__ import annotations

import os
import socket

READY_FD = "CUSTOS_READY_FD"
_SYSTEMD = "NOTIFY_SOCKET"


def announce_ready() -> None:
    """Tell the starter, once; does nothing when nobody asked or when it was told already."""
    number, address = os.environ.pop(READY_FD, None), os.environ.pop(_SYSTEMD, None)
    try:
        # A part of `custos serve` has both, and it is not the part that systemd waits for.
        if number is not None and number.isdecimal():
            os.write(int(number), b"ready\n")
            os.close(int(number))
        elif address:
            _tell_systemd(address)
    except OSError:
        # The starter is gone; what that means for this process is its parent-death signal's business.
        return


def _tell_systemd(address: str) -> None:
    # An @ stands for the zero byte of an abstract address.
    path = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
        line.sendto(b"READY=1", path)
