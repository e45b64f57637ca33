"""The child process in which Pillow lives: one picture, one answer on stdout.

Run by path in the sandbox (`python -I -S pictures_reader.py PACKAGES JSON`), with the directories that PIL
and pi_heif lie in, and {"path", "decoder", "most_pixels", "pictures": {JPEG to write: longest side}}.
Without pictures it only looks: the picture is decoded all the same, as small as its format allows.
Answers {"width", "height", "mode", "orientation", "icc", "more", "versions"}, with "fault" where that ended
it. Imports nothing of Custos, so that it starts fast and the sandbox need not show it anything of Custos.
"""

from __future__ import annotations

import errno
import importlib
import io
import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

#: Decoder name → the module that registers it; only the one that is asked for is ever loaded and tried.
_PLUGINS = {
    "JPEG": "PIL.JpegImagePlugin",
    "PNG": "PIL.PngImagePlugin",
    "GIF": "PIL.GifImagePlugin",
    "TIFF": "PIL.TiffImagePlugin",
    "WEBP": "PIL.WebPImagePlugin",
    "BMP": "PIL.BmpImagePlugin",
    "PPM": "PIL.PpmImagePlugin",
    "AVIF": "PIL.AvifImagePlugin",
    "HEIF": "pi_heif",
}
_ORIENTATION = 0x0112
_QUALITY = 85
#: Formats of which one file often holds several pictures that a person would look at.
_HOLDING_MORE = ("GIF", "WEBP", "TIFF", "PNG", "AVIF")


def main() -> None:
    """Answer the one request in argv."""
    sys.path.extend(sys.argv[1].split(":"))
    try:
        answer = _answer(json.loads(sys.argv[2]))
    except MemoryError:
        answer = {"fault": "too-large"}
    json.dump(answer, sys.stdout)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    from PIL import Image, UnidentifiedImageError

    decoder: str = request["decoder"]
    plugin = importlib.import_module(_PLUGINS[decoder])
    if decoder == "HEIF":
        plugin.register_heif_opener(thumbnails=False, decode_threads=1)
    about: dict[str, Any] = {"versions": _versions(plugin if decoder == "HEIF" else None)}
    # The size is judged here, before anything is decoded and with an answer that names it.
    Image.MAX_IMAGE_PIXELS = None
    try:
        with Image.open(request["path"], formats=[decoder]) as image:
            about |= {"width": image.width, "height": image.height, "mode": image.mode}
            if image.width * image.height > request["most_pixels"]:
                return about | {"fault": "too-many-pixels"}
            Image.MAX_IMAGE_PIXELS = request["most_pixels"]
            wanted: dict[str, int] = request["pictures"]
            longest = max(wanted.values(), default=64)
            image.draft(None, (longest, longest))
            image.load()
            about["orientation"] = _orientation(image)
            if wanted:
                shown, about["icc"] = _shown(image, longest)
                for path, side in wanted.items():
                    _write(shown, path, side)
            about["more"] = decoder in _HOLDING_MORE and _has_more(image)
    except UnidentifiedImageError:
        return about | {"fault": "damaged"}
    except OSError as error:
        return about | {"fault": _fault(error)}
    except MemoryError:
        return about | {"fault": "too-large"}
    except Exception:  # noqa: BLE001  # hostile bytes make decoders raise anything; the answer is the same
        return about | {"fault": "damaged"}
    return about


def _fault(error: OSError) -> str:
    """Pillow raises OSError for what the machine and for what the file does wrong."""
    if error.errno == errno.ENOSPC:
        return "no-space"
    return "truncated" if "truncated" in str(error) else "damaged"


def _versions(heif: Any) -> dict[str, str]:
    import PIL

    versions = {"pillow": PIL.__version__}
    if heif is not None:
        versions |= {"pi-heif": heif.__version__, "libheif": heif.libheif_version()}
    return versions


def _orientation(image: Image.Image) -> int:
    """How the picture is to be turned, as EXIF counts it; 1 where that cannot be read.

    Asked after decoding: Pillow turns TIFF by itself, and pi_heif HEIF, and both say 1 then.
    """
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001  # a broken EXIF does not make a picture unreadable
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _has_more(image: Image.Image) -> bool:
    """Whether there is a second picture; leaves `image` at it, so nothing is read from it afterwards."""
    try:
        image.seek(1)
    except Exception:  # noqa: BLE001  # a broken second picture is no reason not to show the first
        return False
    return True


def _shown(image: Image.Image, longest: int) -> tuple[Image.Image, str]:
    """The picture as a person should see it (small, upright, sRGB, on white); what became of its profile."""
    from PIL import Image as Images

    profile = image.info.get("icc_profile")
    small = _eight_bits(image)
    small.thumbnail((longest, longest), Images.Resampling.LANCZOS, reducing_gap=3.0)
    turn = {
        2: Images.Transpose.FLIP_LEFT_RIGHT,
        3: Images.Transpose.ROTATE_180,
        4: Images.Transpose.FLIP_TOP_BOTTOM,
        5: Images.Transpose.TRANSPOSE,
        6: Images.Transpose.ROTATE_270,
        7: Images.Transpose.TRANSVERSE,
        8: Images.Transpose.ROTATE_90,
    }.get(_orientation(image))
    if turn is not None:
        small = small.transpose(turn)
    if small.mode in ("RGBA", "LA", "La", "RGBa"):
        white = Images.new("RGBA", small.size, "white")
        white.alpha_composite(small.convert("RGBA"))
        small = white.convert("RGB")
    return _in_srgb(small, profile)


def _eight_bits(image: Image.Image) -> Image.Image:
    """In a mode that can be made smaller without loss of sense: 16 bits scaled, palettes looked up."""
    if image.mode.startswith("I;16"):
        return image.point(lambda value: value * (1 / 256)).convert("L")
    if image.mode in ("I", "F"):
        low, high = image.getextrema()
        scale = 255 / ((high - low) or 1)  # type: ignore[operator]
        return image.point(lambda value: value * scale - low * scale).convert("L")  # type: ignore[operator]
    if image.mode in ("P", "PA"):
        return image.convert("RGBA" if image.mode == "PA" or "transparency" in image.info else "RGB")
    if image.mode == "1":
        return image.convert("L")
    return image


def _in_srgb(small: Image.Image, profile: Any) -> tuple[Image.Image, str]:
    """Converted with the picture's own colour profile where it has one that can be used."""
    if not profile:
        return small.convert("RGB"), "none"
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(small, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except Exception:  # noqa: BLE001  # a broken profile: its colours are shown as they are
        return small.convert("RGB"), "unusable"
    assert converted is not None
    return converted, "converted to sRGB"


def _write(shown: Image.Image, path: str, side: int) -> None:
    copy = shown.copy()
    copy.thumbnail((side, side), reducing_gap=3.0)
    copy.info.clear()
    copy.save(path, "JPEG", quality=_QUALITY, optimize=True)


if __name__ == "__main__":
    main()
