"""The key directory as one encrypted file, and back."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from custody.durable import write_once
from custody.embedded_time import TIME_CERTIFICATES, TIME_KEY
from custody.key_files import NEXT, PENDING, PRIVATE, PUBLIC, RETIRED, STATEMENTS, load_private
from custody.passphrase import lock_away, open_again
from evidence.canonical import canonical
from evidence.errors import Conflict, Invalid

BACKUP_VERSION = "custos/key-backup/1"
_SECRET = {PRIVATE, NEXT, PENDING, TIME_KEY}


def back_up(directory: Path, passphrase: str) -> bytes:
    """Every key and statement, encrypted. Raises Unavailable("key-lost"), Invalid("weak-passphrase")."""
    load_private(directory / PRIVATE)
    paths = [directory / name for name in (PRIVATE, PUBLIC, NEXT, PENDING, TIME_KEY, TIME_CERTIFICATES)]
    paths += [path for below in (STATEMENTS, RETIRED) for path in sorted((directory / below).glob("*"))]
    files = {
        str(path.relative_to(directory)): base64.b64encode(path.read_bytes()).decode()
        for path in paths
        if path.is_file()
    }
    return lock_away(canonical({"files": files}), passphrase, BACKUP_VERSION)


def restore(file: bytes, passphrase: str, directory: Path) -> Sequence[str]:
    """Put back what is not there; the names of what was in the file. Durable on return; repeatable.

    Raises Invalid("not-such-a-file"), Invalid("wrong-passphrase"), and Conflict("keys-there") if another key
    or statement lies there: then nothing is changed.
    """
    said = json.loads(open_again(file, passphrase, BACKUP_VERSION))
    files = {str(name): base64.b64decode(text) for name, text in said["files"].items()}
    for name, data in files.items():
        parts = PurePosixPath(name).parts
        if len(parts) > 2 or ".." in parts or PurePosixPath(name).is_absolute():
            raise Invalid("not-such-a-file", "The file names something outside the key directory.")
        path = directory / name
        if path.exists() and path.read_bytes() != data:
            raise Conflict(
                "keys-there",
                f"Another {name} lies in the key directory already. Nothing was changed. Move that directory "
                "aside if it is to be replaced; never throw a key away.",
            )
    for name, data in files.items():
        path = directory / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_once(path, data, 0o600 if name in _SECRET else 0o644)
    return sorted(files)
