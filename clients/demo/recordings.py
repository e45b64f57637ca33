"""What is sent: files, and what a docking station says about each."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from clients.demo.errors import DemoError
from clients.demo.media import STARTS, Size

UNIT = "市容执法一大队"
_CASE = "市执〔2026〕第0137号"
_OFFICER = "李明 (0071)"
_BLOCK = 1 << 20


class Sendable(Protocol):
    """One file to send, and what is said of it on sending."""

    @property
    def path(self) -> Path: ...
    @property
    def name(self) -> str: ...
    def metadata(self, sha256: str) -> dict[str, str]: ...


@dataclass(frozen=True, slots=True)
class Recording:
    """One file to send and the statements that go with it; `times` are `time-start.<source>` and the like."""

    path: Path
    name: str
    device: str
    recording: str
    segment: int
    category: str
    times: Mapping[str, str] = field(default_factory=dict)

    def metadata(self, sha256: str) -> dict[str, str]:
        """What is said of it on sending."""
        said = {
            "filename": self.name,
            "device": self.device,
            "recording": self.recording,
            "segment": str(self.segment),
            "officer": _OFFICER,
            "case": _CASE,
            "category": self.category,
            "medium": "TF card",
            "method": "docking station",
            "sha256": sha256,
            **self.times,
        }
        media_type = mimetypes.guess_type(self.name)[0]
        return said if media_type is None else {**said, "filetype": media_type}


def from_segments(paths: Sequence[Path], size: Size) -> list[Recording]:
    """The segments of one long recording from a body-worn camera."""
    made = []
    for number, path in enumerate(paths, 1):
        start = STARTS + timedelta(seconds=size.seconds * (number - 1))
        end = start + timedelta(seconds=size.seconds)
        made.append(
            Recording(
                path,
                f"现场执法-{number:02}.mp4",
                "DSJ-A7-000317",
                f"R-{STARTS:%Y%m%d-%H%M%S}",
                number,
                "penalty",
                {
                    # The camera's clock knows no zone; the one burnt into the picture names it.
                    "time-start.device-clock": f"{start:%Y-%m-%d %H:%M:%S}",
                    "time-end.device-clock": f"{end:%Y-%m-%d %H:%M:%S}",
                    "time-start.burnt-in": start.isoformat(),
                    "time-start.file-name": f"{start:%Y%m%d%H%M%S}",
                },
            )
        )
    return made


def from_files(paths: Sequence[Path], device: str) -> list[Recording]:
    """Files as they are, each a recording of its own; raises DemoError for what is no file."""
    made = []
    for number, path in enumerate(dict.fromkeys(each.resolve() for each in paths), 1):
        if not path.is_file():
            raise DemoError(f"{path} is not there, or is no file.")
        changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        made.append(
            Recording(
                path,
                path.name,
                device,
                f"{device}-{number}",
                1,
                "inspection",
                {"time-end.file-system": f"{changed:%Y-%m-%dT%H:%M:%SZ}"},
            )
        )
    return made


def digest_of(path: Path) -> str:
    """The file's SHA-256, lower-case hex. Blocks."""
    sha256 = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(_BLOCK):
            sha256.update(piece)
    return sha256.hexdigest()
