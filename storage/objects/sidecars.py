"""Locks and holds beside the objects: create-only empty files, so that nothing said is ever unsaid.

`{root}/{key}/{microseconds}` is a lock: the latest counts. `{root}/{key}/hold-{number}-on` and `…-off` place
and lift a hold: the highest number counts.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from evidence.timekeeping import from_micros, to_micros
from storage.objects.disk import make_directories, sync_directory

_HOLD = re.compile(r"hold-(\d{6})-(on|off)")


class Sidecars:
    """The sidecars below one directory. Every method blocks; what is written is durable on return."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def locked_until(self, key: str) -> datetime | None:
        """The latest lock; None if there never was one."""
        locks = [int(name) for name in self._names(key) if name.isdigit()]
        return from_micros(max(locks)) if locks else None

    def lock(self, key: str, until: datetime) -> None:
        """One more lock; repeatable."""
        self._create(key, f"{to_micros(until):020d}")

    def is_held(self, key: str) -> bool:
        """Whether the last that was said is that it is held."""
        return self._last_hold(key)[1] == "on"

    def set_hold(self, key: str, *, held: bool) -> None:
        """Say whether it is held, if that is not what was said last; repeatable."""
        number, said = self._last_hold(key)
        wanted = "on" if held else "off"
        if said != wanted:
            self._create(key, f"hold-{number + 1:06d}-{wanted}")

    def _last_hold(self, key: str) -> tuple[int, str]:
        found = [_HOLD.fullmatch(name) for name in self._names(key)]
        return max(((int(one[1]), one[2]) for one in found if one is not None), default=(0, "off"))

    def _names(self, key: str) -> list[str]:
        try:
            return [entry.name for entry in (self._root / key).iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _create(self, key: str, name: str) -> None:
        directory = self._root / key
        make_directories(directory)
        with suppress(FileExistsError):
            os.close(os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444))
        sync_directory(directory)
