"""Recordings for tests, made with ffmpeg: nothing here needs a download."""

from __future__ import annotations

import subprocess
from pathlib import Path


def ffmpeg(*arguments: str) -> None:
    """Run the machine's own ffmpeg, outside of any sandbox, on files of ours."""
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *arguments], check=True, capture_output=True)


def make_clip(path: Path, *, seconds: float = 2, size: str = "320x240", bitrate: str | None = None) -> Path:
    """An H.264/AAC recording with a moving picture and a tone."""
    rate = (
        []
        if bitrate is None
        else ["-b:v", bitrate, "-minrate", bitrate, "-maxrate", bitrate, "-bufsize", "2M"]
    )
    subprocess.run(
        [
            *("ffmpeg", "-v", "error", "-nostdin", "-y"),
            *("-f", "lavfi", "-i", f"testsrc2=duration={seconds}:size={size}:rate=25"),
            *("-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}"),
            *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "25", *rate),
            *("-c:a", "aac", str(path)),
        ],
        check=True,
    )
    return path
