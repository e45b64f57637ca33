"""Pictures that claim, hide or break: bounded in time and memory, final, with a reason. And a blind child."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import PIL
import pytest
from PIL import Image

from evidence.errors import StageFailed
from tests.integration.transcode.conftest import BOTH_WAYS
from tests.media import ffmpeg
from transcode import pictures as module
from transcode.bench import Bench, Bounds, Program
from transcode.pictures import Pictures
from transcode.probe import look_inside
from transcode.tools import SandboxedTools

#: Every deadline is shorter; beside other work a run may come near it.
_WITHIN_S = 90.0


@pytest.fixture
def bench(bwrap: str) -> Bench:
    """Where Pillow is run, in the way that the test asks for."""
    return Bench("prefer", bwrap, 30.0)


async def _fault(pictures: Pictures, original: Path, workdir: Path) -> StageFailed:
    with original.open("rb") as file:
        inside = look_inside(file)
    begun = time.monotonic()
    with pytest.raises(StageFailed) as caught:
        await pictures.previews(original, inside, workdir, lambda _: None)
    assert time.monotonic() - begun < _WITHIN_S
    assert caught.value.final
    assert "kept" in caught.value.message
    assert str(workdir) not in caught.value.message
    return caught.value


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, *, colour: int, rows: int) -> bytes:
    """A PNG of `rows` rows of zeros under a header that may claim more."""
    row = bytes(1 + width * {0: 1, 2: 3}[colour])
    packer = zlib.compressobj(1)
    data = b"".join([*(packer.compress(row) for _ in range(rows)), packer.flush()])
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _tiff(width: int, height: int, *, again: bool = False) -> bytes:
    """A one-strip grey TIFF; with `again` its directory names itself as the next one."""
    tags = [
        (256, width),
        (257, height),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 8),
        (277, 1),
        (278, height),
        (279, 64),
    ]
    start = 8 + 64
    body = b"II*\x00" + struct.pack("<I", start) + bytes(64) + struct.pack("<H", len(tags))
    body += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return body + struct.pack("<I", start if again else 0)


def _gif(width: int, height: int, frames: int) -> bytes:
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    header = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    return header + frame * frames + b"\x3b"


@BOTH_WAYS
@pytest.mark.parametrize(
    ("content", "size"),
    [
        (_png(60_000, 60_000, colour=0, rows=100), "60,000 x 60,000"),
        (_tiff(60_000, 60_000), "60,000 x 60,000"),
        (_gif(65_535, 65_535, 1), "65,535 x 65,535"),
        (
            b"BM" + bytes(8) + struct.pack("<IIiiHHIIIIII", 54, 40, 50_000, 50_000, 1, 24, 0, 0, 0, 0, 0, 0),
            "50,000",
        ),
    ],
    ids=["PNG", "TIFF", "GIF", "BMP"],
)
async def test_a_bomb_is_refused_by_its_size(bench: Bench, tmp_path: Path, content: bytes, size: str) -> None:
    original = tmp_path / "bomb"
    original.write_bytes(content)
    fault = await _fault(Pictures(bench), original, tmp_path)
    assert fault.code == "picture-too-large"
    assert size in fault.message
    assert "200,000,000" in fault.message


@BOTH_WAYS
async def test_a_bomb_is_described_and_kept(tools: SandboxedTools, tmp_path: Path) -> None:
    original = tmp_path / "bomb.png"
    original.write_bytes(_png(60_000, 60_000, colour=0, rows=100))
    said = await tools.describe(original, "image/png", "bomb.png")
    assert said.route == "unplayable"
    assert "60,000 x 60,000 pixels" in said.reason
    assert "error" in said.probe


@BOTH_WAYS
async def test_memory_is_bounded(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MEMORY", 300 << 20)
    original = tmp_path / "heavy.png"
    original.write_bytes(_png(10_000, 10_000, colour=2, rows=10_000))
    assert (await _fault(Pictures(bench), original, tmp_path)).code == "picture-too-large"


@BOTH_WAYS
async def test_the_largest_that_is_drawn(bench: Bench, tmp_path: Path) -> None:
    original = tmp_path / "large.png"
    original.write_bytes(_png(14_000, 14_000, colour=0, rows=14_000))
    with original.open("rb") as file:
        inside = look_inside(file)
    poster, preview = await Pictures(bench).previews(original, inside, tmp_path, lambda _: None)
    assert (poster.layout["width"], preview.layout["width"]) == (640, 2560)


@BOTH_WAYS
@pytest.mark.parametrize(
    "content",
    [_gif(100, 100, 100_000), _tiff(8, 8, again=True)],
    ids=["many frames", "a directory that names itself"],
)
async def test_what_never_ends_is_drawn_once(bench: Bench, tmp_path: Path, content: bytes) -> None:
    original = tmp_path / "many"
    original.write_bytes(content)
    with original.open("rb") as file:
        inside = look_inside(file)
    begun = time.monotonic()
    await Pictures(bench).previews(original, inside, tmp_path, lambda _: None)
    assert time.monotonic() - begun < _WITHIN_S


@BOTH_WAYS
async def test_a_picture_that_breaks_off(bench: Bench, tools: SandboxedTools, tmp_path: Path) -> None:
    original = tmp_path / "cut.jpg"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=800x600", "-frames:v", "1", str(original))
    whole = original.read_bytes()
    original.write_bytes(whole[: len(whole) // 2])
    assert (await _fault(Pictures(bench), original, tmp_path)).code == "picture-truncated"
    said = await tools.describe(original, "image/jpeg", "")
    assert (said.route, said.duration_ms) == ("unplayable", None)
    assert "breaks off" in said.reason


@BOTH_WAYS
@pytest.mark.parametrize(
    "content",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        b"<html><script>alert(1)</script></html>",
        b"#EXTM3U\n#EXTINF:1,\nfile:/etc/passwd\n#EXT-X-ENDLIST\n",
        b"",
        bytes(5000),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"PK\x03\x04" + bytes(400),
    ],
    ids=["SVG", "HTML", "HLS", "empty", "zeros", "PostScript", "ZIP"],
)
async def test_what_is_no_picture(bench: Bench, tmp_path: Path, content: bytes) -> None:
    original = tmp_path / "picture.jpg"
    original.write_bytes(content)
    assert (await _fault(Pictures(bench), original, tmp_path)).code == "no-picture"


@BOTH_WAYS
@pytest.mark.parametrize(
    "head",
    [
        b"\xff\xd8\xff\xe0",
        b"\x89PNG\r\n\x1a\n",
        b"II*\x00\x08\x00\x00\x00",
        b"GIF89a",
        b"RIFF\0\0\0\0WEBP",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        b"\0\0\0\x18ftypavif\0\0\0\0mif1avif",
        b"BM" + bytes(8),
        b"%PDF-1.7",
    ],
    ids=["JPEG", "PNG", "TIFF", "GIF", "WebP", "HEIC", "AVIF", "BMP", "PDF"],
)
@pytest.mark.parametrize("tail", [b"", b"<html>", b"\xff" * 5000], ids=["nothing", "HTML", "ones"])
async def test_what_only_begins_like_one(bench: Bench, tmp_path: Path, head: bytes, tail: bytes) -> None:
    original = tmp_path / "picture"
    original.write_bytes(head + tail)
    assert (await _fault(Pictures(bench), original, tmp_path)).code in (
        "picture-damaged",
        "picture-truncated",
        "picture-too-large",
        "tool-failed",
    )


@pytest.mark.parametrize("form", ["GIF", "TIFF", "PPM"])
async def test_only_the_decoder_that_is_named_is_tried(tmp_path: Path, form: str) -> None:
    original = tmp_path / "picture"
    Image.new("RGB", (9, 9)).save(original, form)
    request = {"path": str(original), "decoder": "PNG", "most_pixels": 1000, "pictures": {}}
    reader = Path(module.__file__).with_name("pictures_reader.py")
    packages = str(Path(PIL.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(reader), packages, json.dumps(request)],
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout)["fault"] == "damaged"


def _pdf(media_box: str, drawing: bytes, *, parent: str = "2 0 R") -> bytes:
    return b"\n".join(
        (
            b"%PDF-1.7",
            b"1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj",
            f"2 0 obj<</Type/Pages/Kids[{'3' if parent == '2 0 R' else '2'} 0 R]/Count 1>>endobj".encode(),
            f"3 0 obj<</Type/Page/Parent {parent}/MediaBox[{media_box}]/Contents 4 0 R".encode(),
            b"/Resources<</XObject<</X 4 0 R>>>>>>endobj",
            b"4 0 obj<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 4 0 R>>>>",
            b"/Length %d>>stream" % len(drawing),
            drawing,
            b"endstream endobj",
            b"trailer<</Root 1 0 R>>",
            b"%%EOF",
        )
    )


@BOTH_WAYS
@pytest.mark.parametrize(
    "content",
    [
        _pdf("0 0 100000000 100000000", b"0 0 m"),
        _pdf("0 0 100000000 1", b"0 0 m"),
        _pdf("0 0 9 9", b"/X Do " * 200),
        _pdf("0 0 9 9", b"0 0 m", parent="3 0 R"),
        _pdf("0 0 nan -1", b"q " * 1_000_000),
    ],
    ids=[
        "a huge page",
        "a long page",
        "a form that draws itself",
        "a tree that holds itself",
        "endless stack",
    ],
)
async def test_a_hostile_document_comes_to_an_end(bench: Bench, tmp_path: Path, content: bytes) -> None:
    original = tmp_path / "document.pdf"
    original.write_bytes(content)
    with original.open("rb") as file:
        inside = look_inside(file)
    begun = time.monotonic()
    try:
        made = await Pictures(bench).previews(original, inside, tmp_path, lambda _: None)
    except StageFailed as fault:
        # A deadline on a busy machine may be the machine's fault, and says so.
        assert fault.final or fault.code == "too-slow"
    else:
        assert all(one.path.stat().st_size < 16 << 20 for one in made)
    assert time.monotonic() - begun < _WITHIN_S


def _fake(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


@BOTH_WAYS
async def test_a_link_in_place_of_a_page_is_not_followed(bench: Bench, tmp_path: Path) -> None:
    secret = tmp_path / "secret.ppm"
    Image.new("RGB", (9, 9), "red").save(secret)
    fake = _fake(tmp_path / "pdftoppm", f'for last; do :; done; ln -s {secret} "$last.ppm"')
    original = tmp_path / "document.pdf"
    original.write_bytes(b"%PDF-1.7\n")
    assert (await _fault(Pictures(bench, fake), original, tmp_path)).code == "no-picture"


@BOTH_WAYS
async def test_a_locked_document_asks_for_its_password(bench: Bench, tmp_path: Path) -> None:
    fake = _fake(tmp_path / "pdftoppm", "echo 'Command Line Error: Incorrect password' >&2; exit 1")
    original = tmp_path / "document.pdf"
    original.write_bytes(b"%PDF-1.7\n")
    fault = await _fault(Pictures(bench, fake), original, tmp_path)
    assert fault.code == "document-locked"
    assert "password" in fault.message


@BOTH_WAYS
async def test_a_missing_poppler_is_the_machines_fault(bench: Bench, tmp_path: Path) -> None:
    original = tmp_path / "document.pdf"
    original.write_bytes(b"%PDF-1.7\n")
    with original.open("rb") as file:
        inside = look_inside(file)
    with pytest.raises(StageFailed) as caught:
        await Pictures(bench, "no-such-pdftoppm").previews(original, inside, tmp_path, lambda _: None)
    assert (caught.value.code, caught.value.final) == ("tool-missing", False)


@BOTH_WAYS
async def test_the_child_sees_nothing_of_the_machine(bench: Bench, tmp_path: Path) -> None:
    if not bench.sandbox.in_force:
        pytest.skip("that is what the sandbox is for")
    secret = tmp_path / "secret"
    secret.write_text("evidence of another case")
    looking = (
        "import os, sys\n"
        "for top, _, files in os.walk('/', followlinks=False):\n"
        "    if top.startswith(('/usr', '/proc', '/dev', '/tmp')): continue\n"
        "    print(*(f'{top}/{name}' for name in files))\n"
        f"print(os.path.exists({str(secret)!r}), dict(os.environ), sys.path)\n"
        "try: open('/in/original', 'ab')\n"
        "except OSError as error: print(error.strerror)\n"
    )
    pillow = Pictures(bench)._pillow
    finished = await bench.run(
        Program("python", Path(sys.executable).resolve()),
        lambda program, _: [program, "-I", "-S", "-c", looking],
        Bounds(20, 1 << 30, 8 << 20),
        original=secret,
        own_files=pillow.own_files,
    )
    assert finished.worked, finished.stderr_head
    seen = finished.stdout.decode()
    assert "/in/original" in seen
    tree = str(Path(module.__file__).parents[1])
    ours = [path for path in seen.split() if path.startswith(tree) and "site-packages" not in path]
    assert ours in ([], [str(Path(module.__file__).with_name("pictures_reader.py"))])
    packages = {
        path.split("site-packages/")[1].split("/")[0] for path in seen.split() if "site-packages/" in path
    }
    assert all("pil" in name.lower() or "heif" in name for name in packages)
    assert "False" in seen
    assert "Read-only file system" in seen
    assert "CUSTOS" not in seen
