"""What the disk under the data directory can really do: found out by trying, not by asking its name.

Everything is tried in a directory of its own that is removed again.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import re
import shutil
import struct
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from custos.findings import Finding

_GETFLAGS = 0x80086601
_SETFLAGS = 0x40086602
_IMMUTABLE = 0x00000010
_BLOCK = 4096
_GIB = 1024**3
_PREFIX = ".custos-doctor-"
_SOUND = frozenset({"ext4", "xfs", "btrfs", "zfs", "ext3", "f2fs"})
_SWITCHED_OFF = (
    "The immutable flag is switched off by the setting protection.immutable. Switch it on for real evidence."
)
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "virtiofs", "afs"})


@dataclass(frozen=True, slots=True)
class Mount:
    """A line of mountinfo, as far as it matters here."""

    point: Path
    filesystem: str
    options: frozenset[str]


def mount_of(path: Path, mountinfo: str) -> Mount | None:
    """The mount that `path`, absolute and without links, lies on. Of two on one point the later counts."""
    found: Mount | None = None
    for line in mountinfo.splitlines():
        before, separator, after = line.partition(" - ")
        if not separator:
            continue
        fields, (filesystem, _device, options) = before.split(" "), after.split(" ", 2)
        point = Path(_unescaped(fields[4]))
        closest = found is None or len(point.parts) >= len(found.point.parts)
        if path.is_relative_to(point) and closest:
            all_options = frozenset([*fields[5].split(","), *options.split(",")])
            found = Mount(point, filesystem, all_options)
    return found


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), text)


def examine_filesystem(mount: Mount | None) -> Finding:
    """What is to be thought of the kind of filesystem and how it is mounted."""
    if mount is None:
        return Finding(
            "warning", "filesystem", "The filesystem under the data directory could not be determined."
        )
    kind = mount.filesystem
    where = f"The data directory lies on {kind}, mounted at {mount.point}."
    if kind in _IN_MEMORY:
        words = "It is memory, not a disk: every recording is gone when the power goes. Use a real disk."
        return Finding("problem", "filesystem", f"{where} {words}")
    if kind == "overlay":
        words = "It belongs to a container and is deleted with it. Mount a volume for the data directory."
        return Finding("problem", "filesystem", f"{where} {words}")
    if mount.options & {"nobarrier", "barrier=0"}:
        words = (
            "It is mounted without write barriers: when the power goes, recordings are lost for which a "
            "receipt was given. Remove nobarrier or barrier=0 from the mount options."
        )
        return Finding("problem", "filesystem", f"{where} {words}")
    if kind in _REMOTE or kind.startswith("fuse"):
        words = (
            "Its locks, its durability and its protection are decided elsewhere, and the embedded catalogue "
            "can be damaged there. Use a disk of this machine."
        )
        return Finding("problem", "filesystem", f"{where} {words}")
    if kind not in _SOUND:
        return Finding(
            "warning", "filesystem", f"{where} Custos has not been tried on it; prefer ext4 or xfs."
        )
    return Finding("ok", "filesystem", where)


def examine_place(data: Path) -> tuple[Finding, Path | None]:
    """Whether the data directory is there and can be written; and the directory to try things in."""
    who = "root" if os.geteuid() == 0 else f"user number {os.geteuid()}"
    place = data
    while not place.exists():
        place = place.parent
    try:
        Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place)).rmdir()
    except OSError as error:
        return Finding(
            "problem",
            "data-directory",
            f"{place} cannot be written by {who}, who ran this check: {error.strerror}. Run the check as the "
            "account that runs Custos; if it is that account, make it the owner of the data directory.",
        ), None
    if place != data:
        return Finding(
            "warning",
            "data-directory",
            f"{data} is not there yet; the first start makes it. What follows was tried in {place} and "
            "does not count if another disk is mounted later. Run the check again then.",
        ), place
    return Finding("ok", "data-directory", f"{data} can be written by {who}, who ran this check."), place


def examine_protection(place: Path, *, immutable: bool) -> list[Finding]:
    """Whether the immutable flag is wanted and holds here, and what that is worth."""
    refusal = _try_immutable(place) if immutable else _SWITCHED_OFF
    if refusal is None:
        return [
            Finding(
                "ok",
                "immutable-flag",
                "Stored recordings get the immutable flag, and this disk obeys it: no program can change, "
                "rename or delete one by mistake, not even one that runs as root.",
            ),
            Finding(
                "warning",
                "protection",
                "That stops mistakes, not intent: root on this machine can remove the flag and then change "
                "or delete recordings, and whoever holds the disk can do so too. Nothing on one disk stops "
                "an administrator with the root password. A later check notices it; it cannot undo "
                "it. Keep a second copy where that administrator has no rights.",
            ),
        ]
    return [
        Finding("warning", "immutable-flag", refusal),
        Finding(
            "warning",
            "protection",
            "Only ordinary file permissions keep stored recordings as they are. The account that runs "
            "Custos, every program it runs, and root can change or delete them. A later check notices it; "
            "it cannot undo it. Keep a second copy where nobody who has rights here has any.",
        ),
    ]


def _try_immutable(place: Path) -> str | None:
    """None if a flagged file withstood deletion, else why it did not."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=place) as directory:
        path = Path(directory) / "flagged"
        path.write_bytes(b"custos")
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            packed = fcntl.ioctl(descriptor, _GETFLAGS, struct.pack("l", 0))
            flags = struct.unpack_from("i", packed)[0]
            fcntl.ioctl(descriptor, _SETFLAGS, struct.pack("l", flags | _IMMUTABLE))
            try:
                path.unlink()
            except PermissionError:
                return None
            finally:
                fcntl.ioctl(descriptor, _SETFLAGS, struct.pack("l", flags))
        except OSError as error:
            if error.errno in (errno.EPERM, errno.EACCES):
                return (
                    "The account that ran this check may not set the immutable flag. Give the service the "
                    "capability CAP_LINUX_IMMUTABLE and no shell, and run the check again with it."
                )
            return "This filesystem has no immutable flag. Use ext4 or xfs on a disk of this machine."
        finally:
            os.close(descriptor)
    return "The immutable flag can be set here, but a flagged file could be deleted all the same."


def examine_direct_reads(place: Path) -> Finding:
    """Whether a stored recording can be read past the page cache."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=place) as directory:
        path = Path(directory) / "block"
        block = os.urandom(_BLOCK)
        with path.open("wb") as file:
            file.write(block)
            file.flush()
            os.fsync(file.fileno())
        try:
            read = _read_directly(path)
        except OSError:
            read = b""
    if read == block:
        return Finding(
            "ok", "direct-reads", "Stored recordings are read back from the disk itself, past the cache."
        )
    return Finding(
        "warning",
        "direct-reads",
        "This filesystem cannot be read past the cache (O_DIRECT). Reading back proves what memory holds, "
        "not what the disk holds, and receipts will say so (`cached`).",
    )


def _read_directly(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC)
    try:
        with mmap.mmap(-1, _BLOCK) as aligned:
            os.readv(descriptor, [aligned])
            return bytes(aligned)
    finally:
        os.close(descriptor)


def examine_hard_links(staging: Path, store: Path, place: Path) -> Finding:
    """Whether a staged file can be taken into the store without copying: links work, on one filesystem."""
    above, below = (path if path.is_dir() else place for path in (staging, store))
    with (
        tempfile.TemporaryDirectory(prefix=_PREFIX, dir=above) as source,
        tempfile.TemporaryDirectory(prefix=_PREFIX, dir=below) as target,
    ):
        staged = Path(source) / "staged"
        staged.write_bytes(b"custos")
        try:
            (Path(target) / "stored").hardlink_to(staged)
        except OSError as error:
            if error.errno == errno.EXDEV:
                return Finding(
                    "problem",
                    "one-filesystem",
                    "Staging and store lie on different filesystems. A recording then cannot be taken in "
                    "in one step. Mount one disk for the whole data directory.",
                )
            return Finding(
                "problem",
                "hard-links",
                f"Hard links do not work here ({error.strerror}), and without them a recording cannot be "
                "taken in. Use ext4 or xfs.",
            )
    return Finding("ok", "hard-links", "Staging and store lie on one filesystem, and hard links work there.")


def examine_free_space(place: Path, reserve_bytes: int) -> Finding:
    """Whether there is room above the reserve."""
    free = 0
    with suppress(OSError):
        free = shutil.disk_usage(place).free
    seen = f"{free / _GIB:.1f} GiB are free, {reserve_bytes / _GIB:.1f} GiB of that are the reserve."
    if free <= reserve_bytes:
        words = "Uploads are refused until there is more: free some space, or add a disk."
        return Finding("problem", "free-space", f"{seen} {words}")
    if free < 2 * reserve_bytes:
        return Finding("warning", "free-space", f"{seen} Uploads will soon be refused: add a disk.")
    return Finding("ok", "free-space", seen)
