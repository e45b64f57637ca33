"""Which H.264 encoder this machine has: the first that encodes one picture inside the sandbox.

A list of encoders says what ffmpeg was built with, not what works here; so each is tried, once a process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Literal, TypeAlias

import ffmpeg

from transcode.bench import Bench, Bounds, Program
from transcode.commands import ffmpeg_argv
from transcode.profiles import ENCODERS, PROXY, SOFTWARE, Encoder
from transcode.sandbox import Places

Wanted: TypeAlias = Literal["auto", "software"]

_TRIAL_S = 15.0
_MEMORY = 4 << 30
#: Large enough for every hardware encoder's least size.
_TRIAL_SIZE = "320x240"


def trial_argv(program: str, encoder: Encoder) -> list[str]:
    """ffmpeg: one picture of its own through the encoder, thrown away."""
    picture = ffmpeg.input(f"color=black:size={_TRIAL_SIZE}:rate=25", format="lavfi")["v"].filter(
        "format", "yuv420p"
    )
    options: dict[str, object] = {"c:v": encoder.name, **encoder.options(PROXY), "frames:v": 1}
    target = ffmpeg.output(picture, "-", format="null", **options)
    argv: list[str] = ffmpeg.compile(target, cmd=ffmpeg_argv(program, progress=False))
    return argv


class EncoderChoice:
    """Chooses when it is first asked. With `wanted` "software" nothing is tried."""

    def __init__(
        self,
        bench: Bench,
        ffmpeg: Program,
        wanted: Wanted = "auto",
        encoders: Sequence[Encoder] = ENCODERS,
    ) -> None:
        self._bench = bench
        self._ffmpeg = ffmpeg
        self._encoders = encoders if wanted == "auto" else ()
        self._chosen: Encoder | None = None
        self._choosing = asyncio.Lock()

    async def encoder(self) -> Encoder:
        """The first encoder that works; libx264 where none of the others does."""
        async with self._choosing:
            if self._chosen is None:
                self._chosen = await self._first()
            return self._chosen

    async def _first(self) -> Encoder:
        for encoder in self._encoders:
            if encoder is SOFTWARE:
                break

            def argv(program: str, _: Places, encoder: Encoder = encoder) -> list[str]:
                return trial_argv(program, encoder)

            tried = await self._bench.run(
                self._ffmpeg, argv, Bounds(_TRIAL_S, _MEMORY, 0), devices=encoder.devices
            )
            if tried.worked:
                return encoder
        return SOFTWARE
