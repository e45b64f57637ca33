"""Files made to reach another item, the network, or all of the machine: none is reached, all is bounded."""

from __future__ import annotations

import asyncio
import itertools
import resource
import socket
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from evidence.canonical import canonical
from evidence.errors import StageFailed
from evidence.ports.media import Description, Made
from tests.integration.transcode.conftest import SANDBOX_FIRST
from tests.media import ffmpeg
from transcode.tools import SandboxedTools

#: However it is attacked, no stage of a file this small takes longer, beside other work on two cores.
PATIENCE_S = 90.0
#: What a worker itself may grow by, whatever the file: ffprobe's answer of 8 MiB, parsed, is most of it.
WORKER_BYTES = 160 << 20


@pytest.fixture(autouse=True)
def nothing_left(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No cage leaves a directory behind."""
    temporary = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    yield
    assert list(temporary.iterdir()) == []


async def treated(tools: SandboxedTools, original: Path, work: Path) -> tuple[Description, list[Made]]:
    """Every stage in turn; each ends in something made or in a final failure, and in time."""
    made: list[Made] = []
    async with asyncio.timeout(PATIENCE_S):
        said = await tools.describe(original, "video/mp4", original.name)
    assert canonical(said.as_json())
    for make in (tools.make_playable, tools.make_previews):
        try:
            async with asyncio.timeout(PATIENCE_S):
                made += await make(original, said.as_json(), work, lambda _: None)
        except StageFailed as fault:
            assert fault.final, fault
    return said, made


class Listener:
    """Counts who connects to a port of the loopback interface, and answers with a recording."""

    def __init__(self, answer: bytes) -> None:
        self.connections = 0
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(self._answer)}\r\nConnection: close\r\n\r\n"
            with line:
                line.settimeout(2)
                try:
                    line.recv(4096)
                    line.sendall(head.encode() + self._answer)
                except OSError:
                    continue

    def close(self) -> None:
        # accept() wakes up for a shutdown, not for a close.
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@contextmanager
def listening(answer: bytes) -> Iterator[Listener]:
    listener = Listener(answer)
    try:
        yield listener
    finally:
        listener.close()


def _scripts(target: str) -> dict[str, str]:
    """What leads to `target`, a path or an address."""
    return {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:12\n#EXTINF:12,\n{target}\n#EXT-X-ENDLIST\n",
        "hls-key": f'#EXTM3U\n#EXT-X-TARGETDURATION:12\n#EXT-X-KEY:METHOD=AES-128,URI="{target}"\n'
        f"#EXTINF:12,\n{target}\n#EXT-X-ENDLIST\n",
        "hls-master": f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=100000\n{target}\n",
        "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT12S"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1"'
        f' bandwidth="1"><BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>',
        "ffconcat": f"ffconcat version 1.0\nfile '{target}'\nduration 12\n",
        "sdp": f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\na=control:{target}\n"
        "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
        "asx": f'<ASX version="3.0"><ENTRY><REF HREF="{target}"/></ENTRY></ASX>',
        "rtsp-text": f"RTSPtext\nrtsp://127.0.0.1/{target}\n",
        "ffmeta": f";FFMETADATA1\ntitle={target}\n",
        "subtitle": f"1\n00:00:00,000 --> 00:00:05,000\n{{\\p1}}{target}\n",
        "svg": f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
        f'<image xlink:href="{target}" width="9" height="9"/></svg>',
    }


KINDS = list(_scripts(""))


@SANDBOX_FIRST
async def test_no_script_reads_another_item_or_calls_anybody(
    tools: SandboxedTools, clip: Path, tmp_path: Path
) -> None:
    """Each kind of script, towards a file and towards an address, under each name in turn."""
    secret = tmp_path / "of another case.mp4"
    secret.write_bytes(clip.read_bytes())
    suffixes = itertools.cycle(("mp4", "avi", "jpg"))
    with listening(clip.read_bytes()) as listener:
        targets = {
            "file": f"file:{secret}",
            "path": str(secret),
            "http": f"http://127.0.0.1:{listener.port}/x.mp4",
            "tcp": f"tcp://127.0.0.1:{listener.port}",
        }
        for named, target in targets.items():
            for kind, script in _scripts(target).items():
                if named in ("tcp", "file") and kind not in ("hls", "ffconcat", "dash"):
                    continue
                trap = tmp_path / f"{kind}-{named}.{next(suffixes)}"
                trap.write_text(script)
                work = tmp_path / "work"
                work.mkdir(exist_ok=True)
                said, made = await treated(tools, trap, work)
                assert (said.route, said.duration_ms, made) == ("unplayable", None, []), (kind, named)
                assert b"h264" not in canonical(said.as_json())
        assert listener.connections == 0


async def test_the_listener_would_have_noticed(clip: Path, tmp_path: Path) -> None:
    """Without our options ffmpeg does connect: else the test above would prove nothing."""
    with listening(clip.read_bytes()) as listener:
        trap = tmp_path / "trap.m3u8"
        trap.write_text(_scripts(f"http://127.0.0.1:{listener.port}/x.mp4")["hls"])
        done = await asyncio.create_subprocess_exec(
            *("ffprobe", "-v", "quiet", "-protocol_whitelist", "file,http,tcp", "-allowed_extensions", "ALL"),
            str(trap),
        )
        await done.wait()
        assert listener.connections > 0


# Files that claim more than they are.


def box(kind: bytes, *parts: bytes) -> bytes:
    """One MP4 box."""
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _wav(claimed_data: int, *, riff: int = 0xFFFFFFFF, seconds: int = 1) -> bytes:
    form = struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)
    head = struct.pack("<4sI4s4sI", b"RIFF", riff, b"WAVE", b"fmt ", len(form)) + form
    return head + struct.pack("<4sI", b"data", claimed_data) + bytes(range(256)) * (16000 * seconds // 256)


def _rf64(samples: int) -> bytes:
    form = struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)
    sizes = struct.pack("<QQQI", 1 << 62, 1 << 62, samples, 0)
    head = struct.pack("<4sI4s4sI", b"RF64", 0xFFFFFFFF, b"WAVE", b"ds64", len(sizes)) + sizes
    return (
        head
        + struct.pack("<4sI", b"fmt ", len(form))
        + form
        + struct.pack("<4sI", b"data", 0xFFFFFFFF)
        + bytes(16000)
    )


@pytest.mark.parametrize(
    "content",
    [_wav(0xFFFFFFF0), _wav(1 << 31), _wav(0x7FFFFFFF, riff=16), _rf64(1 << 40)],
    ids=["4 GB", "2^31 bytes", "longer than its frame", "RF64"],
)
async def test_a_wav_that_claims_hours_lasts_as_long_as_its_bytes(
    tools: SandboxedTools, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "bomb.wav"
    path.write_bytes(content)
    said, made = await treated(tools, path, tmp_path)
    assert said.duration_ms is not None
    assert said.duration_ms <= 1_100
    assert sum(one.path.stat().st_size for one in made) < 1 << 20


def _edited(clip: Path, kind: bytes, at: int, value: bytes) -> bytes:
    """The clip with `value` at `at` bytes behind the name of every box of this kind."""
    data = bytearray(clip.read_bytes())
    place = data.find(kind)
    assert place > 0
    while place > 0:
        data[place + at : place + at + len(value)] = value
        place = data.find(kind, place + 4)
    return bytes(data)


async def test_a_header_of_twenty_hours_on_twelve_seconds(
    tools: SandboxedTools, clip: Path, tmp_path: Path
) -> None:
    """The measured length counts, for what is shown and for how long a tool may work."""
    twenty_hours = (20 * 3600 * 1000).to_bytes(4, "big")
    path = tmp_path / "long.mp4"
    path.write_bytes(_edited(clip, b"mvhd", 20, twenty_hours))
    claims = path.read_bytes()
    place = claims.index(b"mvhd")
    assert claims[place + 20 : place + 24] == twenty_hours
    said, made = await treated(tools, path, tmp_path)
    assert said.duration_ms is not None
    assert said.duration_ms <= 12_500
    layout: Mapping[str, Any] = next(one for one in made if one.kind == "playable").layout
    assert layout["duration_us"] <= 12_500_000


async def test_an_mp3_that_claims_twenty_hours(tools: SandboxedTools, tmp_path: Path) -> None:
    path = tmp_path / "long.mp3"
    ffmpeg("-f", "lavfi", "-i", "sine=duration=2", "-b:a", "32k", "-write_xing", "1", str(path))
    data = bytearray(path.read_bytes())
    place = max(data.find(b"Xing"), data.find(b"Info"))
    data[place + 8 : place + 12] = (20 * 3600 * 44100 // 1152).to_bytes(4, "big")
    path.write_bytes(data)
    said, _ = await treated(tools, path, tmp_path)
    assert said.duration_ms is not None
    assert said.duration_ms <= 2_500


def _many_tracks(count: int) -> bytes:
    track = box(
        b"trak",
        box(b"tkhd", struct.pack(">IIIIII", 7, 0, 0, 1, 0, 1000), bytes(60)),
        box(
            b"mdia",
            box(b"mdhd", struct.pack(">IIIIIHH", 0, 0, 0, 1000, 1000, 0x55C4, 0)),
            box(b"hdlr", bytes(8), b"vide", bytes(13)),
            box(b"minf", box(b"stbl", box(b"stsd", struct.pack(">II", 0, 1), box(b"avc1", bytes(78))))),
        ),
    )
    head = box(b"ftyp", b"isom\0\0\2\0isomavc1")
    return head + box(
        b"moov", box(b"mvhd", struct.pack(">IIIII", 0, 0, 0, 1000, 1000), bytes(80)), track * count
    )


def _bombs(clip: Path) -> Mapping[str, bytes]:
    head = box(b"ftyp", b"isom\0\0\2\0isomavc1")
    nested = b""
    for _ in range(20_000):
        nested = struct.pack(">I4s", 8 + len(nested), b"moov") + nested if len(nested) < 160_000 else nested
    return {
        "10,000 tracks": _many_tracks(10_000),
        "samples": _edited(clip, b"stsz", 12, b"\x7f\xff\xff\xff"),
        "samples of one size": _edited(clip, b"stsz", 8, b"\x00\x00\x00\x01\xff\xff\xff\xff"),
        "chunks": _edited(clip, b"stco", 8, b"\x7f\xff\xff\xff"),
        "times": _edited(clip, b"stts", 8, b"\x7f\xff\xff\xff"),
        "one time for all": _edited(clip, b"stts", 12, b"\x7f\xff\xff\xff\x7f\xff\xff\xff"),
        "sync samples": _edited(clip, b"stss", 8, b"\x7f\xff\xff\xff"),
        "nested": head + nested,
        "4 GB box": head + struct.pack(">I4s", 0xFFFFFFFF, b"moov") + bytes(1000),
        "2^63 box": head + struct.pack(">I4sQ", 1, b"mdat", 1 << 63) + bytes(1000),
        "empty boxes": head + box(b"free") * 100_000,
        "meta of 1 GB": head + box(b"moov", box(b"udta", struct.pack(">I4s", 1 << 30, b"meta"), bytes(5000))),
        "huge picture": _edited(clip, b"avc1", 28, b"\xff\xff\xff\xff"),
    }


BOMBS = [
    "10,000 tracks", "samples", "samples of one size", "chunks", "times", "one time for all", "sync samples",
    "nested", "4 GB box", "2^63 box", "empty boxes", "meta of 1 GB", "huge picture",
]  # fmt: skip


#: What exiftool is not done with before its deadline, whatever that is; the other tools need a second.
_ENDLESS = {"10,000 tracks"}
_SHORT_S = 10.0


def _peak_from_now() -> Callable[[], int]:
    """How many bytes of memory this process has taken at most since, beyond what it has now."""

    def most() -> int:
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) << 10

    Path("/proc/self/clear_refs").write_text("5")
    before = most()
    return lambda: most() - before


@SANDBOX_FIRST
@pytest.mark.parametrize("kind", BOMBS)
async def test_a_bomb_takes_neither_memory_nor_time(
    tools: SandboxedTools, bwrap: str, clip: Path, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "bomb.mp4"
    path.write_bytes(_bombs(clip)[kind])
    if kind in _ENDLESS:
        tools = SandboxedTools("prefer", bwrap=bwrap, wall_floor_s=_SHORT_S)
    grown, begun = _peak_from_now(), time.monotonic()
    said, made = await treated(tools, path, tmp_path)
    assert time.monotonic() - begun < PATIENCE_S
    assert grown() < WORKER_BYTES
    assert said.reason
    if said.duration_ms is not None:
        assert said.duration_ms < 30_000
    assert sum(one.path.stat().st_size for one in made) < 32 << 20


async def test_a_tool_may_take_no_more_memory_than_its_limit(clip: Path, tmp_path: Path) -> None:
    """The limit is on the tool itself, with the sandbox or without: what asks for more is refused it."""
    for bwrap in ("bwrap", "no-such-bwrap"):
        fake = tmp_path / "ffprobe"
        fake.write_text(
            "#!/usr/bin/perl\n"
            "my $x = eval { 'x' x (6 << 30) }; print STDERR 'refused'; exit(defined $x ? 0 : 9);\n"
        )
        fake.chmod(0o755)
        children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        said = await SandboxedTools("prefer", ffprobe=str(fake), bwrap=bwrap).describe(clip, "video/mp4", "")
        assert said.route == "unplayable"
        assert "error" in said.probe
        assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < max(children, 4 << 20)
