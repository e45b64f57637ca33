"""Two engines, one saved state."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.sha256 import STATE_BYTES, OpenSslSha256, RehashesSha256, RunningSha256, Sha256

ENGINES: list[type[RunningSha256]] = [OpenSslSha256, RehashesSha256]
#: After 70 times "a", one block counted and six bytes held: written by rehashes 0.3.0, kept as it was.
AFTER_64_AND_6 = (
    "1cb85bdf26061ee894a845fb310fd44f16685eb2c199d4d6294990ab665e6300"
    "0100000000000000" + "06" + "616161616161" + "00" * 57
)


@given(st.lists(st.tuples(st.binary(max_size=200), st.sampled_from(ENGINES)), min_size=1, max_size=8))
def test_an_engine_goes_on_where_another_stopped(pieces: list[tuple[bytes, type[RunningSha256]]]) -> None:
    state: bytes | None = None
    for data, engine in pieces:
        running = engine(state)
        running.update(data)
        expected = hashlib.sha256(b"".join(part for part, _ in pieces)).hexdigest()
        state = running.state()
        assert len(state) == STATE_BYTES
    assert [engine(state).hexdigest() for engine in ENGINES] == [expected, expected]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_saved_state_of_uploads_in_progress_stays_readable(engine: type[RunningSha256]) -> None:
    running = engine()
    running.update(b"a" * 70)
    assert running.state().hex() == AFTER_64_AND_6
    assert running.hexdigest() == hashlib.sha256(b"a" * 70).hexdigest() == running.hexdigest()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("state", [b"", bytes(103), bytes(40) + b"\x40" + bytes(63)])
def test_what_is_no_state_is_refused(engine: type[RunningSha256], state: bytes) -> None:
    with pytest.raises(ValueError, match="not a saved SHA-256 state"):
        engine(state)


def test_past_four_gigabytes_of_bits_the_count_carries() -> None:
    near = bytearray.fromhex(AFTER_64_AND_6)
    near[32:40] = ((1 << 29) // 64 - 1).to_bytes(8, "little")
    digests = set()
    for engine in ENGINES:
        running = engine(bytes(near))
        running.update(b"b" * 200)
        digests.add(engine(running.state()).hexdigest())
    assert len(digests) == 1


def test_other_threads_run_while_openssl_hashes() -> None:
    """The other thread gives way at each step, and the one that hashes is never made to."""
    script = """
import sys, threading, time
from ingest.sha256 import OpenSslSha256
sys.setswitchinterval(1000)
piece, count, on, began = bytes(256 << 20), 0, True, threading.Event()
def other():
    global count
    began.set()
    while on:
        count += 1
        time.sleep(0)
thread = threading.Thread(target=other)
thread.start()
began.wait()
running, before = OpenSslSha256(), count
running.update(piece)
print(count - before)
on = False
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, timeout=60)
    assert int(done.stdout) > 100


def test_openssl_is_used_where_it_is_installed() -> None:
    assert Sha256 is OpenSslSha256
