"""SHA-256 whose state can be saved in the middle, by two engines that read each other's states.

OpenSSL's works without the interpreter's lock, so that hashing one upload holds up no other; `rehashes`
serves where no OpenSSL 3 is installed. A saved state is 104 bytes: the eight chaining words (u32), the
number of whole blocks (u64), how many bytes of the next block are held (u8) and those bytes padded with
zeros to 63; little endian. The words are those of FIPS 180-4, section 6.2.
"""

from __future__ import annotations

import ctypes
import hashlib
import struct
from typing import ClassVar, Protocol

from rehashes import PySha256

_STATE = struct.Struct("<8IQB63s")
STATE_BYTES = _STATE.size
_BLOCK = 64
#: rehashes holds the interpreter while it works: more at once would stall every other upload.
_LARGEST_FEED = 1 << 20


class RunningSha256(Protocol):
    """SHA-256 over a prefix. Not safe for use from two threads at once."""

    def __init__(self, state: bytes | None = None) -> None:
        """From the start, or from where `state` was taken; raises ValueError if it is no state."""

    def update(self, data: bytes) -> None:
        """Take in the next bytes."""

    def state(self) -> bytes:
        """What `__init__` resumes from; `STATE_BYTES` long."""

    def hexdigest(self) -> str:
        """The digest so far, lower-case hex; the running state is not disturbed."""


class _Context(ctypes.Structure):
    """`SHA256_CTX` of <openssl/sha.h>."""

    _fields_: ClassVar = [
        ("words", ctypes.c_uint32 * 8),
        ("bits_low", ctypes.c_uint32),
        ("bits_high", ctypes.c_uint32),
        ("held", ctypes.c_char * _BLOCK),
        ("held_bytes", ctypes.c_uint),
        ("digest_bytes", ctypes.c_uint),
    ]


def _libcrypto() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL("libcrypto.so.3")
        library.SHA256_Init.argtypes = [ctypes.POINTER(_Context)]
        library.SHA256_Update.argtypes = [ctypes.POINTER(_Context), ctypes.c_char_p, ctypes.c_size_t]
        library.SHA256_Final.argtypes = [ctypes.c_char_p, ctypes.POINTER(_Context)]
    except (OSError, AttributeError):
        return None
    return library


class OpenSslSha256:
    """`RunningSha256` by libcrypto. Raises RuntimeError where that is not installed."""

    _library = _libcrypto()

    def __init__(self, state: bytes | None = None) -> None:
        if self._library is None:
            raise RuntimeError("libcrypto.so.3 is not installed")
        self._context = _Context()
        self._library.SHA256_Init(self._context)
        if state is not None:
            *words, blocks, held, tail = _parsed(state)
            bits = (blocks * _BLOCK + held) * 8
            self._context.words[:] = words
            self._context.bits_low = bits & 0xFFFFFFFF
            self._context.bits_high = bits >> 32
            ctypes.memmove(ctypes.byref(self._context, _Context.held.offset), tail, held)
            self._context.held_bytes = held

    def update(self, data: bytes) -> None:
        """As `RunningSha256`; the interpreter's lock is free meanwhile."""
        assert self._library is not None
        self._library.SHA256_Update(self._context, data, len(data))

    def state(self) -> bytes:
        """As `RunningSha256`."""
        context = self._context
        held = context.held_bytes
        total = (context.bits_high << 32 | context.bits_low) // 8
        tail = ctypes.string_at(ctypes.byref(context, _Context.held.offset), held)
        return _STATE.pack(*context.words, total // _BLOCK, held, tail)

    def hexdigest(self) -> str:
        """As `RunningSha256`."""
        assert self._library is not None
        copy = _Context.from_buffer_copy(self._context)
        digest = ctypes.create_string_buffer(32)
        self._library.SHA256_Final(digest, copy)
        return digest.raw.hex()


class RehashesSha256:
    """`RunningSha256` by rehashes."""

    def __init__(self, state: bytes | None = None) -> None:
        if state is None:
            self._running = PySha256()
        else:
            _parsed(state)
            self._running = PySha256.deserialize(state)

    def update(self, data: bytes) -> None:
        """As `RunningSha256`."""
        for start in range(0, len(data), _LARGEST_FEED):
            # A slice of the whole is the object itself, not a copy.
            self._running.update(data[start : start + _LARGEST_FEED])

    def state(self) -> bytes:
        """As `RunningSha256`."""
        *words, blocks, held, tail = _parsed(bytes(self._running.serialize()))
        return _STATE.pack(*words, blocks, held, tail[:held])

    def hexdigest(self) -> str:
        """As `RunningSha256`."""
        return str(PySha256.deserialize(self._running.serialize()).finalize())


def _parsed(state: bytes) -> tuple[int, int, int, int, int, int, int, int, int, int, bytes]:
    if len(state) != STATE_BYTES:
        raise ValueError("not a saved SHA-256 state: its length is wrong")
    fields = _STATE.unpack(state)
    if fields[9] >= _BLOCK:
        raise ValueError("not a saved SHA-256 state: it holds more than a block")
    return fields


def _is_what_it_seems(engine: type[RunningSha256]) -> bool:
    """Saved and resumed in the middle of a block, the engine agrees with hashlib."""
    first, rest = bytes(range(251)), bytes(100)
    try:
        running = engine()
        running.update(first)
        resumed = engine(running.state())
        resumed.update(rest)
    except RuntimeError:
        return False
    return resumed.hexdigest() == hashlib.sha256(first + rest).hexdigest()


#: Another library by the same name could lay its context out differently: it is tried before it is used.
Sha256: type[RunningSha256] = OpenSslSha256 if _is_what_it_seems(OpenSslSha256) else RehashesSha256
