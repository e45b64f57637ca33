"""Pictures and first pages: small, upright, in true colours; or a reason."""

from __future__ import annotations

import struct
import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image, ImageCms, ImageDraw

from evidence.errors import StageFailed
from evidence.ports.media import Made
from tests.integration.transcode.conftest import BOTH_WAYS, sample
from transcode.bench import Bench
from transcode.pictures import Pictures
from transcode.probe import look_inside
from transcode.tools import SandboxedTools


@pytest.fixture
def pictures(bwrap: str) -> Pictures:
    """Pillow, run in the way that the test asks for."""
    return Pictures(Bench("prefer", bwrap, 30.0))


async def _made(pictures: Pictures, original: Path, workdir: Path) -> Sequence[Made]:
    with original.open("rb") as file:
        inside = look_inside(file)
    heard: list[int] = []
    made = await pictures.previews(original, inside, workdir, heard.append)
    assert [one.kind for one in made] == ["poster", "preview"]
    assert heard[-1] == 1000
    for one in made:
        assert one.media_type == "image/jpeg"
        with Image.open(one.path) as image:
            assert image.format == "JPEG"
            assert image.mode == "RGB"
            assert (image.width, image.height) == (one.layout["width"], one.layout["height"])
            assert not image.getexif()
            assert "icc_profile" not in image.info
    return made


async def _colours(pictures: Pictures, original: Path, workdir: Path) -> tuple[str, ...]:
    """The names of the colours in the corners of the preview, clockwise from the left top."""
    _, preview = await _made(pictures, original, workdir)
    with Image.open(preview.path) as image:
        right, bottom = image.width - 8, image.height - 8
        corners = [image.getpixel(place) for place in ((8, 8), (right, 8), (right, bottom), (8, bottom))]
    return tuple(_name(corner) for corner in corners)


def _name(colour: object) -> str:
    assert isinstance(colour, tuple)
    return "".join("1" if part > 200 else "0" if part < 55 else "?" for part in colour)


RED, GREEN, BLUE, WHITE = "100", "010", "001", "111"


def _quarters(width: int = 96, height: int = 64) -> Image.Image:
    """Red, green, blue and white, clockwise from the left top."""
    image = Image.new("RGB", (width, height), "red")
    draw = ImageDraw.Draw(image)
    draw.rectangle((width // 2, 0, width, height // 2 - 1), "lime")
    draw.rectangle((width // 2, height // 2, width, height), "blue")
    draw.rectangle((0, height // 2, width // 2 - 1, height), "white")
    return image


@BOTH_WAYS
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "GIF", "WEBP", "BMP", "AVIF"])
async def test_every_form_is_drawn(pictures: Pictures, tmp_path: Path, form: str) -> None:
    original = tmp_path / "picture.txt"
    _quarters().save(original, form, **({"quality": 95} if form in ("JPEG", "WEBP", "AVIF") else {}))
    assert await _colours(pictures, original, tmp_path) == (RED, GREEN, BLUE, WHITE)


async def test_sizes_and_what_is_said_of_the_making(pictures: Pictures, tmp_path: Path) -> None:
    original = tmp_path / "large.jpg"
    _quarters(4000, 3000).save(original)
    poster, preview = await _made(pictures, original, tmp_path)
    assert poster.layout == {"width": 640, "height": 480}
    assert preview.layout == {"width": 2560, "height": 1920}
    said = preview.provenance
    assert (said["tool"], said["errors"]) == ("pillow", 0)
    assert "/in/original" in str(said["arguments"])
    assert str(tmp_path) not in str(said)
    small = tmp_path / "small.jpg"
    _quarters(30, 20).save(small)
    assert [one.layout for one in await _made(pictures, small, tmp_path)] == [{"width": 30, "height": 20}] * 2


@pytest.mark.parametrize(
    ("orientation", "corners"),
    [
        (1, (RED, GREEN, BLUE, WHITE)),
        (2, (GREEN, RED, WHITE, BLUE)),
        (3, (BLUE, WHITE, RED, GREEN)),
        (4, (WHITE, BLUE, GREEN, RED)),
        (5, (RED, WHITE, BLUE, GREEN)),
        (6, (WHITE, RED, GREEN, BLUE)),
        (7, (BLUE, GREEN, RED, WHITE)),
        (8, (GREEN, BLUE, WHITE, RED)),
    ],
)
@pytest.mark.parametrize("form", ["JPEG", "TIFF", "PNG"])
async def test_a_camera_on_its_side(tmp_path: Path, form: str, orientation: int, corners: object) -> None:
    pictures = Pictures(Bench("prefer", "no-such-bwrap", 30.0))
    original = tmp_path / "turned"
    exif = Image.Exif()
    exif[0x0112] = orientation
    _quarters().save(original, form, exif=exif)
    assert await _colours(pictures, original, tmp_path) == corners


def _heif_enc(source: Path, target: Path, *options: str) -> None:
    try:
        subprocess.run(
            ["heif-enc", *options, "-o", str(target), str(source)],
            check=True,
            capture_output=True,
            timeout=60,
        )
    except FileNotFoundError:
        pytest.skip("heif-enc (Debian: libheif-examples) is not installed")


@BOTH_WAYS
async def test_a_heic_is_a_picture(tools: SandboxedTools, pictures: Pictures, tmp_path: Path) -> None:
    plain, original = tmp_path / "plain.png", tmp_path / "photo.heic"
    _quarters().save(plain)
    _heif_enc(plain, original, "-q", "95")
    assert await _colours(pictures, original, tmp_path) == (RED, GREEN, BLUE, WHITE)
    said = await tools.describe(original, "image/heic", "")
    assert (said.route, said.warnings) == ("none", ())
    assert said.probe["tool"] == "pillow"


def _with_a_quarter_turn(heic: bytes) -> bytes:
    """heif-enc's file with a turn to the right (irot) as one more property of its one picture."""
    made = bytearray(heic)

    def add(at: int, amount: int) -> None:
        made[at : at + 4] = (int.from_bytes(made[at : at + 4], "big") + amount).to_bytes(4, "big")

    for kind, amount in ((b"meta", 10), (b"iprp", 10), (b"ipco", 9), (b"ipma", 1)):
        add(made.index(kind) - 4, amount)
    items = made.index(b"iloc") + 12
    for number in range(made[items - 1]):
        add(items + 18 * number + 4, 10)
    links = made.index(b"ipma") + 14
    made[links] += 1
    made.insert(links + made[links], 0x80 | made[links])
    end_of_properties = made.index(b"ipma") - 4
    made[end_of_properties:end_of_properties] = struct.pack(">I4sB", 9, b"irot", 3)
    return bytes(made)


@pytest.mark.parametrize("irot", [True, False])
async def test_a_heic_is_turned_once(pictures: Pictures, tmp_path: Path, irot: bool) -> None:
    """Telephones say twice how a HEIC lies; the standard has its own box count, and EXIF not."""
    plain, original = tmp_path / "plain.jpg", tmp_path / "photo.heic"
    exif = Image.Exif()
    exif[0x0112] = 6
    _quarters().save(plain, quality=95, exif=exif)
    _heif_enc(plain, original, "-q", "95")
    if irot:
        original.write_bytes(_with_a_quarter_turn(original.read_bytes()))
    upright = (WHITE, RED, GREEN, BLUE) if irot else (RED, GREEN, BLUE, WHITE)
    assert await _colours(pictures, original, tmp_path) == upright


async def test_sixteen_bits_keep_their_sense(pictures: Pictures, tmp_path: Path) -> None:
    """Scaled and not cut off: a dark grey of 16 bits is still a dark grey."""
    original = tmp_path / "deep.png"
    image = Image.new("I;16", (64, 64), 0x8000)
    image.paste(0x0100, (0, 0, 32, 64))
    image.save(original)
    assert await _colours(pictures, original, tmp_path) == ("000", "???", "???", "000")


async def test_measured_values_are_spread(pictures: Pictures, tmp_path: Path) -> None:
    original = tmp_path / "heat.tif"
    image = Image.new("F", (64, 64), 310.5)
    image.paste(290.25, (0, 0, 32, 64))
    image.save(original)
    assert await _colours(pictures, original, tmp_path) == ("000", WHITE, WHITE, "000")


async def test_cmyk_and_lab(pictures: Pictures, tmp_path: Path) -> None:
    original = tmp_path / "print.jpg"
    _quarters().convert("CMYK").save(original, quality=95)
    assert await _colours(pictures, original, tmp_path) == (RED, GREEN, BLUE, WHITE)
    lab = tmp_path / "lab.tif"
    Image.new("LAB", (32, 32), (255, 128, 128)).save(lab)
    assert await _colours(pictures, lab, tmp_path) == (WHITE,) * 4


async def test_what_is_transparent_is_white(pictures: Pictures, tmp_path: Path) -> None:
    for number, image in enumerate(
        (
            Image.new("RGBA", (32, 32), (0, 0, 0, 0)),
            Image.new("LA", (32, 32), (0, 0)),
        )
    ):
        original = tmp_path / f"{number}.png"
        image.save(original)
        assert await _colours(pictures, original, tmp_path) == (WHITE,) * 4
    original = tmp_path / "palette.png"
    image = Image.new("P", (32, 32), 0)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.save(original, transparency=0)
    assert await _colours(pictures, original, tmp_path) == (WHITE,) * 4


async def test_a_colour_profile_is_applied(pictures: Pictures, tmp_path: Path) -> None:
    original = tmp_path / "profile.png"
    honest = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = honest.replace(b"rXYZ", b"....").replace(b"bXYZ", b"rXYZ").replace(b"....", b"bXYZ")
    _quarters().save(original, icc_profile=swapped)
    assert await _colours(pictures, original, tmp_path) == (BLUE, GREEN, RED, WHITE)
    _quarters().save(original, icc_profile=b"no profile at all")
    _, preview = await _made(pictures, original, tmp_path)
    assert preview.provenance["icc"] == "unusable"


@BOTH_WAYS
async def test_of_many_frames_the_first(tools: SandboxedTools, pictures: Pictures, tmp_path: Path) -> None:
    original = tmp_path / "moving.gif"
    _quarters().save(original, save_all=True, append_images=[Image.new("RGB", (96, 64), "black")] * 3)
    assert await _colours(pictures, original, tmp_path) == (RED, GREEN, BLUE, WHITE)
    said = await tools.describe(original, "image/gif", "")
    assert said.warnings == ("The file holds more than one picture; the first is shown.",)


def _pdf(path: Path) -> None:
    pages = [_quarters(800, 600), Image.new("RGB", (800, 600), "black")]
    pages[0].save(path, "PDF", save_all=True, append_images=pages[1:])


@BOTH_WAYS
async def test_the_first_page_of_a_document(pictures: Pictures, tmp_path: Path) -> None:
    original = tmp_path / "document"
    _pdf(original)
    poster, preview = await _made(pictures, original, tmp_path)
    assert (poster.layout["width"], preview.layout["width"]) == (640, 2560)
    drawn_by = preview.provenance["drawn_by"]
    assert isinstance(drawn_by, dict)
    assert drawn_by["tool"] == "pdftoppm"
    assert str(drawn_by["version"])[0].isdigit()
    assert str(tmp_path) not in str(preview.provenance)
    assert await _colours(pictures, original, tmp_path) == (RED, GREEN, BLUE, WHITE)


@BOTH_WAYS
async def test_an_ofd_is_a_document_without_a_picture(
    tools: SandboxedTools, pictures: Pictures, tmp_path: Path
) -> None:
    original = tmp_path / "document.bin"
    with zipfile.ZipFile(original, "w") as archive:
        archive.writestr("Doc_0/Document.xml", "<x/>")
        archive.writestr("OFD.xml", "<ofd:OFD/>")
    said = await tools.describe(original, "application/ofd", "")
    assert said.route == "none"
    with pytest.raises(StageFailed) as caught:
        await _made(pictures, original, tmp_path)
    assert (caught.value.code, caught.value.final) == ("no-picture", True)


async def test_sound_has_no_picture(pictures: Pictures, sound: Path, tmp_path: Path) -> None:
    with pytest.raises(StageFailed) as caught:
        await _made(pictures, sound, tmp_path)
    assert (caught.value.code, caught.value.final) == ("no-picture", True)


@pytest.mark.parametrize("name", ["photo/DSC00001.JPG", "faces/two_people.jpg", "malformed/corrupt_exif.jpg"])
async def test_a_sample_is_drawn(pictures: Pictures, tmp_path: Path, name: str) -> None:
    poster, _ = await _made(pictures, sample(name), tmp_path)
    assert poster.path.stat().st_size > 200


@pytest.mark.parametrize("name", ["malformed/clap-overflow.heic", "malformed/github_45.heic"])
async def test_a_broken_sample_has_a_reason(
    tools: SandboxedTools, pictures: Pictures, tmp_path: Path, name: str
) -> None:
    said = await tools.describe(sample(name), "image/heic", "")
    assert said.route == "unplayable"
    assert "cannot be decoded" in said.reason
    with pytest.raises(StageFailed) as caught:
        await _made(pictures, sample(name), tmp_path)
    assert (caught.value.code, caught.value.final) == ("picture-damaged", True)
