"""The child process in which exiftool-wrapper lives: one file, one run, one answer on stdout.

Run by path (`python -I tags_reader.py JSON`), with {"launch": argv of exiftool, "options": […], "path": …}.
exiftool-wrapper spins for ever when exiftool dies; a watching thread then ends this process with code
`EXIFTOOL_DIED`. When exiftool hangs, so does this process: its parent kills the whole process group.
Imports nothing of Custos, so that it starts fast and works from any directory. It adds about 0.05 s to
exiftool's own 0.13 s; one process kept for many files would save both, and would carry what a hostile file
did to it over to the next file's answers. (`python -S` saves 5 ms of it, and finds the package no more.)
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

from exiftool_wrapper.wrapper import ExifToolWrapper

EXIFTOOL_DIED = 70


class LaunchedExifTool(ExifToolWrapper):  # type: ignore[misc]  # the package has no types
    """exiftool started by a given argv, a sandbox's included, instead of by a program name."""

    # The wrapper copies all it has at every read, so that small reads of a long answer take minutes.
    BLOCKSIZE = 1 << 20

    def __init__(self, launch: list[str]) -> None:
        super().__init__()
        self._launch = launch

    def _create_pipe(self) -> subprocess.Popen[bytes]:
        pipe = subprocess.Popen(  # noqa: S603  # the argv is the parent's own
            [*self._launch, "-stay_open", "True", "-@", "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pipesize=self.BLOCKSIZE,
        )
        threading.Thread(target=_end_with, args=(pipe,), daemon=True).start()
        return pipe


def _end_with(pipe: subprocess.Popen[bytes]) -> None:
    pipe.wait()
    os._exit(EXIFTOOL_DIED)


def main() -> None:
    """Answer the one request in argv and end without waiting for exiftool."""
    request = json.loads(sys.argv[1])
    try:
        answer = LaunchedExifTool(request["launch"]).process(*request["options"], request["path"])
    except BrokenPipeError:
        os._exit(EXIFTOOL_DIED)
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
