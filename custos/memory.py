"""What the C library does with memory that was given back."""

from __future__ import annotations

import ctypes

# <malloc.h>
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_KEPT_BYTES = 64 << 20
_LARGEST_ON_THE_HEAP = 8 << 20


def keep_freed_memory() -> None:
    """Keep up to 64 MiB that were freed, instead of giving them to the kernel and asking for them again.

    Uploads come in pieces of 256 KiB that live for milliseconds. By default glibc maps and unmaps each,
    and the kernel clears every page anew. Does nothing where the C library knows no mallopt(3).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_ON_THE_HEAP)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
