"""Draws pictures, and the first page of a document, small enough for a browser.

Invariants: hostile bytes are decoded in the sandbox only, by Pillow in a child of its own that is told which
one decoder to use, and for PDF by poppler; a size is judged before anything of that size is made; whatever
is wrong with the file ends in a final StageFailed with a sentence. What is handed back is a JPEG of the
size that was asked for, without any metadata of the original.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from evidence.canonical import Json
from evidence.errors import StageFailed
from evidence.ports.media import Made, Progress
from transcode.bench import WORKING_DISK_FULL, Bench, Bounds, Program, failure
from transcode.outputs import fresh, is_plain, jpeg_size
from transcode.probe import Inside
from transcode.process import Finished
from transcode.sandbox import INSIDE, Places
from transcode.values import TooStrange, parse_tool_json

#: Beyond this nothing is decoded: at four bytes a pixel it is what the memory below can hold twice.
MOST_PIXELS = 200_000_000
#: Longest sides of what is made, the smallest first.
SIDES: Mapping[str, int] = {"poster": 640, "preview": 2560}

_MEMORY = 3 << 30
_ANSWER_CAP = 64 << 10
_JPEG_BYTES = 16 << 20
_PAGE_BYTES = 64 << 20
_VERSION_CAP = 1 << 16
_PAGE = "page.ppm"
_READER = Path(__file__).with_name("pictures_reader.py")
_FONTS = Path("/etc/fonts")
_DECODERS: Mapping[str, str] = {
    "jpeg": "JPEG",
    "png": "PNG",
    "gif": "GIF",
    "tiff": "TIFF",
    "webp": "WEBP",
    "bmp": "BMP",
    "heif": "HEIF",
    "avif": "AVIF",
}
_KEPT = "The original is kept as it is."


@dataclass(frozen=True, slots=True)
class Seen:
    """What Pillow's child said of a picture: its size as stored, how it has to be turned to be upright."""

    width: int
    height: int
    mode: str
    orientation: int
    has_more: bool
    icc: str
    versions: Mapping[str, Json]

    @property
    def version(self) -> str:
        """Pillow's."""
        return str(self.versions.get("pillow", "unknown"))


@dataclass(frozen=True, slots=True)
class _Pillow:
    """The interpreter as a program, where its packages lie, and all that the sandbox must show it."""

    program: Program
    packages: str
    own_files: tuple[Path, ...]

    @staticmethod
    def found() -> _Pillow:
        """As this process runs it: its interpreter, its Pillow and pi_heif, and nothing else of it."""
        directories: list[Path] = []
        own: list[Path] = [_READER]
        for name in ("PIL", "pi_heif"):
            spec = find_spec(name)
            if spec is None or not spec.submodule_search_locations:
                continue
            package = Path(next(iter(spec.submodule_search_locations))).resolve()
            if package.parent not in directories:
                directories.append(package.parent)
            own.append(package)
        for directory in directories:
            # The wheels keep the libraries that they bundle beside the packages.
            for pattern in ("pillow.libs", "pi_heif.libs", "_pi_heif*.so"):
                own.extend(sorted(directory.glob(pattern)))
        interpreter = Path(sys.executable).resolve()
        own.append(Path(sys.base_prefix).resolve())
        return _Pillow(Program("pillow", interpreter), ":".join(map(str, directories)), tuple(own))


class Pictures:
    """`MediaTools.make_previews` for pictures and documents, and what describing asks of pictures."""

    def __init__(self, bench: Bench, pdftoppm: str = "pdftoppm") -> None:
        self._bench = bench
        self._pillow = _Pillow.found()
        self._pdftoppm = Program.found(pdftoppm)
        self._poppler_version: str | None = None
        # A document need not bring its letters with it; which ones the machine has, is said there.
        self._fonts = [path for path in (_FONTS,) if path.is_dir()]

    async def look(self, original: Path, inside: Inside) -> Finished:
        """Decode the picture once and keep nothing of it; `seen_in` reads the answer.

        Raises StageFailed, never final, if the machine cannot run it.
        """
        return await self._run(original, inside.size, _decoder(inside), {}, None)

    async def previews(
        self, original: Path, inside: Inside, workdir: Path, progress: Progress
    ) -> Sequence[Made]:
        """ "poster" and "preview": upright JPEGs, at most 640 and 2,560 pixels a side, never enlarged.

        Of several pictures or pages the first. Raises StageFailed, final, with code "no-picture" for what
        cannot be drawn at all, "picture-damaged", "picture-truncated", "picture-too-large" or
        "document-locked" for what is wrong with the file.
        """
        container = inside.container
        if container is None or container.kind == "recording":
            raise _no_picture()
        drawn_by: Json = None
        source, decoder, size = original, "PPM", inside.size
        if container.kind == "document":
            source, drawn_by = await self._page(original, inside, workdir)
            size = (await asyncio.to_thread(source.stat)).st_size
            progress(500)
        else:
            decoder = _decoder(inside)
        out = await asyncio.to_thread(fresh, workdir)
        finished = await self._run(source, size, decoder, SIDES, out)
        seen = seen_in(finished)
        provenance: dict[str, Json] = {
            "tool": "pillow",
            "version": seen.version,
            "versions": seen.versions,
            "arguments": [_request(INSIDE, decoder, SIDES)],
            "drawn_by": drawn_by,
            "orientation": seen.orientation,
            "icc": seen.icc,
            "more_not_shown": seen.has_more,
            "errors": finished.stderr_lines,
            "sandboxed": self._bench.sandbox.in_force,
        }
        made = [await asyncio.to_thread(_made, kind, out, provenance) for kind in SIDES]
        progress(1000)
        return made

    async def _run(
        self, original: Path, size: int, decoder: str, sides: Mapping[str, int], out: Path | None
    ) -> Finished:
        def arguments(program: str, places: Places) -> Sequence[str]:
            request = _request(places, decoder, sides)
            return [program, "-I", "-S", "-B", str(_READER), self._pillow.packages, request]

        return await self._bench.run(
            self._pillow.program,
            arguments,
            Bounds(self._bench.wall_s(size), _MEMORY, _ANSWER_CAP, file_size=_JPEG_BYTES if out else 0),
            original=original,
            out=out,
            own_files=self._pillow.own_files,
        )

    async def _page(self, original: Path, inside: Inside, workdir: Path) -> tuple[Path, Json]:
        """The first page of a PDF as a picture, and who drew it."""
        if inside.container is None or inside.container.name != "pdf":
            raise StageFailed(
                "no-picture",
                f"Documents of this kind are not drawn here. {_KEPT} Open it with a reader for its format.",
                final=True,
            )

        def arguments(program: str, places: Places) -> Sequence[str]:
            longest = str(max(SIDES.values()))
            return [
                *(program, "-singlefile", "-f", "1", "-l", "1", "-scale-to", longest),
                *(places.original, f"{places.out}/{_PAGE.removesuffix('.ppm')}"),
            ]

        out = await asyncio.to_thread(fresh, workdir)
        finished = await self._bench.run(
            self._pdftoppm,
            arguments,
            Bounds(self._bench.wall_s(inside.size), _MEMORY, 0, file_size=_PAGE_BYTES),
            original=original,
            out=out,
            own_files=self._fonts,
        )
        if "Incorrect password" in finished.stderr_head:
            raise StageFailed(
                "document-locked",
                f"The document is locked with a password. {_KEPT} Ask whoever made it for the password or "
                "for a copy without one.",
                final=True,
            )
        if not finished.worked:
            raise failure(self._pdftoppm, finished)
        page = out / _PAGE
        # The next sandbox is built around this file: a link in its place would show it another one.
        if not await asyncio.to_thread(is_plain, page):
            raise StageFailed(
                "no-picture", f"The document has no page that can be drawn. {_KEPT}", final=True
            )
        return page, {
            "tool": "pdftoppm",
            "version": await self._poppler(),
            "arguments": [*arguments("pdftoppm", INSIDE)[1:]],
            "errors": finished.stderr_lines,
        }

    async def _poppler(self) -> str:
        if self._poppler_version is None:
            finished = await self._bench.run(
                self._pdftoppm,
                lambda program, _: [program, "-v"],
                Bounds(self._bench.wall_s(0), _MEMORY, _VERSION_CAP),
            )
            words = finished.stderr_head.split(maxsplit=3)
            self._poppler_version = words[2] if words[:2] == ["pdftoppm", "version"] else "unknown"
        return self._poppler_version


def _request(places: Places, decoder: str, sides: Mapping[str, int]) -> str:
    """What is asked of the child, as one argument."""
    return json.dumps(
        {
            "path": places.original,
            "decoder": decoder,
            "most_pixels": MOST_PIXELS,
            "pictures": {f"{places.out}/{kind}.jpg": side for kind, side in sides.items()},
        }
    )


def _decoder(inside: Inside) -> str:
    """The one decoder for what the bytes are."""
    decoder = _DECODERS.get(inside.container.name) if inside.container is not None else None
    if decoder is None:
        raise _no_picture()
    return decoder


def seen_in(finished: Finished) -> Seen:
    """What the child answered; StageFailed where it could not draw the picture, with what to do about it."""
    if not finished.worked:
        raise failure(Program("pillow", None), finished)
    try:
        said = parse_tool_json(finished.stdout)
    except TooStrange:
        said = None
    if not isinstance(said, Mapping):
        raise StageFailed("not-understood", "pillow's answer cannot be read.", final=True)
    width, height = said.get("width"), said.get("height")
    if (fault := said.get("fault")) is not None:
        raise _failed(str(fault), width, height)
    if not isinstance(width, int) or not isinstance(height, int) or width < 1 or height < 1:
        raise _failed("damaged", width, height)
    orientation, versions = said.get("orientation"), said.get("versions")
    return Seen(
        width,
        height,
        str(said.get("mode")),
        orientation if isinstance(orientation, int) else 1,
        said.get("more") is True,
        str(said.get("icc", "none")),
        versions if isinstance(versions, Mapping) else {},
    )


def _no_picture() -> StageFailed:
    return StageFailed("no-picture", f"This is no picture of a kind that Custos knows. {_KEPT}", final=True)


def _failed(fault: str, width: Json, height: Json) -> StageFailed:
    if fault == "no-space":
        return StageFailed("no-space", WORKING_DISK_FULL, passes=True)
    if fault == "truncated":
        return StageFailed(
            "picture-truncated",
            f"The picture breaks off before its end. {_KEPT} Copy it from the device again if it is still "
            "there.",
            final=True,
        )
    if fault == "too-many-pixels" and isinstance(width, int) and isinstance(height, int):
        return StageFailed(
            "picture-too-large",
            f"The picture claims {width:,} x {height:,} pixels; more than {MOST_PIXELS:,} in all are not "
            f"drawn here. {_KEPT} Ask whoever made it for a smaller copy.",
            final=True,
        )
    if fault == "too-large":
        return StageFailed(
            "picture-too-large",
            f"The picture takes more memory to draw than a tool is given here. {_KEPT} Ask whoever made it "
            "for a smaller copy.",
            final=True,
        )
    return StageFailed(
        "picture-damaged",
        f"The picture cannot be decoded: the file is damaged, or not what it begins like. {_KEPT}",
        final=True,
    )


def _made(kind: str, out: Path, provenance: Mapping[str, Json]) -> Made:
    path = out / f"{kind}.jpg"
    size = jpeg_size(path)
    if size is None or max(size) > SIDES[kind]:
        raise _failed("damaged", None, None)
    return Made(kind, path, "image/jpeg", provenance, {"width": size[0], "height": size[1]})
