"""Looks at the machine and says what an administrator must know before trusting it with evidence.

A `problem` means: not like this. A `warning` means: works, but does not protect against what it names.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from custos import disk
from custos.clock import Synchronisation, synchronisation
from custos.findings import Finding
from custos.log_copies import examine_log_copies
from custos.replicas import MARKER, places
from custos.settings import Settings
from custos.stores import place_of
from evidence.errors import CustosError
from evidence.waiting import HeldUp, Waiting
from storage.catalogue.keeper import Keeper
from storage.objects.s3.place import Place
from storage.objects.staging import tag_in

_MOUNTINFO = Path("/proc/self/mountinfo")
_TOOL_SECONDS = 15.0
#: Below lies a bug by which a WAL database can be damaged while two connections write and checkpoint.
_SQLITE_SOUND = (3, 51, 3)
_SQLITE_BACKPORTS = frozenset({(3, 50, 7), (3, 44, 6)})
_TOOLS = (
    ("ffmpeg", ("-version",), "ffmpeg", "recordings are not made playable"),
    ("ffprobe", ("-version",), "ffmpeg", "nothing is known of what is in a recording"),
    ("exiftool", ("-ver",), "libimage-exiftool-perl", "device, clocks and places are not read"),
    ("pdftoppm", ("-v",), "poppler-utils", "documents have no picture"),
)
_BWRAP = ("bwrap", ("--version",), "bubblewrap", "media programs have no sandbox")


def examine(
    settings: Settings,
    *,
    catalogue: Callable[[], Keeper],
    waiting: Callable[[], Sequence[Waiting | HeldUp]],
    sandbox: tuple[bool, str],
) -> list[Finding]:
    """Every finding, the disk's first. Blocks for a second or so; leaves nothing behind.

    `catalogue` says what keeps the catalogue, as `storage.catalogue.keeper.kept_by` does, `waiting` what work
    nobody takes up, as `storage.catalogue.queues` does, and `sandbox` is what `MediaTools.protection` says.
    """
    return [
        *examine_disk(settings),
        *(examine_tool(*tool) for tool in _TOOLS),
        *examine_sandbox(settings, sandbox),
        *examine_catalogue(catalogue),
        *examine_queues(waiting),
        examine_clock(synchronisation()),
        examine_trusted_time(settings),
        *examine_keys(settings),
    ]


def examine_disk(settings: Settings) -> list[Finding]:
    """The data directory and the disk under it."""
    first, place = disk.examine_place(settings.data)
    if place is None:
        return [first]
    mountinfo = _MOUNTINFO.read_text("utf-8", "surrogateescape")
    return [
        first,
        disk.examine_filesystem(disk.mount_of(place.resolve(), mountinfo)),
        *(examine_bucket(bucket) if (bucket := place_of(settings)) else _examine_store(settings, place)),
        *examine_replicas(settings),
        *examine_log_copies(settings),
        *examine_staging(settings),
        disk.examine_free_space(place, settings.ingest.reserve_bytes),
    ]


def examine_replicas(settings: Settings) -> list[Finding]:
    """Whether each store of copies is there."""
    code, found = "replica", []
    for name, root in settings.replicas.directories.items():
        if (root / MARKER).exists():
            found.append(Finding("ok", code, f"The replica {name} lies in {root}, and its disk is mounted."))
        else:
            words = (
                f"The replica {name} is not mounted: {root} has no file {MARKER}. Until it is there no new "
            )
            found.append(Finding("problem", code, words + "copy is made in it."))
    for name, place in places(settings).items():
        found += [
            replace(one, code=code, words=f"The replica {name}: {one.words}") for one in examine_bucket(place)
        ]
    return found


def _examine_store(settings: Settings, place: Path) -> list[Finding]:
    return [
        *disk.examine_protection(
            settings.store if settings.store.is_dir() else place, immutable=settings.protection.immutable
        ),
        disk.examine_direct_reads(place),
        disk.examine_hard_links(settings.staging, settings.store, place),
    ]


def examine_bucket(place: Place) -> list[Finding]:
    """Whether the bucket would keep what is put into it, and against whom it does not."""
    from storage.objects.s3.checking import lacking, unfit
    from storage.objects.s3.client import Bucket

    code = "store-bucket"
    try:
        bucket = Bucket(place)
        reasons = list(unfit(bucket, lambda: datetime.now(UTC)))
        lacks = [] if reasons else list(lacking(bucket))
    except CustosError as error:
        return [Finding("problem", code, f"The bucket {place.bucket} could not be asked. {error.message}")]
    if reasons:
        return [Finding("problem", code, f"The bucket {place.bucket}: {reason}") for reason in reasons]
    return [
        Finding(
            "ok",
            code,
            f"The bucket {place.bucket} keeps versions and has Object Lock. What Custos locks there no "
            "credentials of the store remove or shorten over S3 (COMPLIANCE mode); whoever owns its machines "
            "or disks still can. Keep a second copy elsewhere, and let a witness see the log.",
        ),
        *(
            Finding(
                "ok" if one.is_made_up_for else "warning",
                "store-server",
                f"The server of {place.bucket}: {one.words}",
            )
            for one in lacks
        ),
    ]


def examine_tool(name: str, arguments: tuple[str, ...], package: str, without: str) -> Finding:
    """Whether a program is there and runs; `without` says what does not work otherwise."""
    code = f"tool-{name}"
    path = shutil.which(name)
    if path is None:
        return Finding("problem", code, f"{name} is not installed: {without}. Install the package {package}.")
    try:
        run = subprocess.run(  # noqa: S603  # our own fixed arguments
            [path, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TOOL_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return Finding(
            "problem", code, f"{name} is there but does not run: {without}. Reinstall the package {package}."
        )
    version = re.search(r"\d[\w.+~-]*", (run.stdout or run.stderr).decode("utf-8", "replace"))
    return Finding("ok", code, f"{name} {version.group() if version else '(version unknown)'}")


def examine_sandbox(settings: Settings, sandbox: tuple[bool, str]) -> list[Finding]:
    """Whether hostile recordings are shut in; how bad it is if not is the administrator's own setting."""
    in_force, words = sandbox
    if in_force:
        return [examine_tool(*_BWRAP), Finding("ok", "sandbox", words)]
    required = settings.media.sandbox == "require"
    return [Finding("problem" if required else "warning", "sandbox", words)]


def examine_catalogue(ask: Callable[[], Keeper]) -> list[Finding]:
    """Whether what keeps the catalogue answers, is sound, and holds Custos itself to what is frozen."""
    try:
        keeper = ask()
    except CustosError as error:
        return [Finding("problem", "catalogue", error.message)]
    if keeper.name == "SQLite":
        return [examine_sqlite(keeper.version)]
    words = f"The catalogue is kept by {keeper.name} {keeper.version}, which is durable at every commit."
    role = Finding("ok", "catalogue-role", "Custos can add to the custody log there, and change none of it.")
    if keeper.could_change is None:
        role = Finding(
            "warning",
            "catalogue-role",
            "The tables are not made yet: let their owner do it with `custos catalogue prepare` "
            "(docs/postgresql.md), or Custos's own role will own them.",
        )
    elif keeper.could_change:
        role = Finding(
            "warning",
            "catalogue-role",
            "Custos reaches its database as a role that could take away the triggers that freeze the custody "
            "log. Give it one that can only add: `custos catalogue prepare` (docs/postgresql.md).",
        )
    return [Finding("ok", "catalogue", words), role]


def examine_queues(ask: Callable[[], Sequence[Waiting | HeldUp]]) -> list[Finding]:
    """Whether all work has a worker and goes on; a catalogue that does not answer is another's finding."""
    try:
        return [Finding("problem", one.problem, one.words) for one in ask()]
    except CustosError:
        return []


def examine_staging(settings: Settings) -> list[Finding]:
    """What the uploads that lie here end in, for a proxy; nothing before a first start."""
    tag = tag_in(settings.staging)
    if tag is None:
        return []
    return [
        Finding(
            "ok",
            "staging",
            f"Uploads that lie on this host end in {tag}. A proxy before several hosts goes by that "
            "(docs/many.md).",
        )
    ]


def examine_sqlite(version: str) -> Finding:
    """Whether the catalogue's SQLite is one that does not damage it."""
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:3])
    if numbers >= _SQLITE_SOUND or numbers in _SQLITE_BACKPORTS:
        return Finding("ok", "sqlite", f"The catalogue uses SQLite {version}.")
    return Finding(
        "problem",
        "sqlite",
        f"The catalogue uses SQLite {version}, which can damage it while two processes write (the "
        "WAL-reset bug, mended in 3.51.3). Install Custos's own dependencies again.",
    )


def examine_clock(state: Synchronisation) -> Finding:
    """Whether the times in receipts and events can be relied on."""
    if state is Synchronisation.YES:
        return Finding(
            "ok",
            "clock",
            "The clock is being synchronised. With what is this machine's settings' affair; Custos's own "
            "statement of time is not a third party's.",
        )
    if state is Synchronisation.NO:
        return Finding(
            "warning",
            "clock",
            "The clock is not synchronised, and every receipt will say so. Install chrony or "
            "systemd-timesyncd, and check that it reaches a time server.",
        )
    return Finding(
        "warning",
        "clock",
        "Whether the clock is synchronised cannot be found out here (a container may forbid the question), "
        "and every receipt will say so. See to it on the machine that runs the container.",
    )


def examine_trusted_time(settings: Settings) -> Finding:
    """Whether a disposal could be carried out; that nothing can go is a state to be in, and said."""
    authorities = settings.custody.time_authorities
    if not authorities:
        return Finding(
            "warning",
            "trusted-time",
            "No time authority is configured: disposals can be proposed and approved, and none is carried "
            f"out. {_stamped_by_itself(settings)} Set `custody.time_authorities` once recordings are to be "
            "disposed of, or once their time is to be proven to others.",
        )
    missing = [url for url, root in authorities.items() if not Path(root).is_file()]
    if missing:
        return Finding(
            "problem",
            "trusted-time",
            f"The root certificates of {', '.join(missing)} are not where `custody.time_authorities` says: "
            "its time cannot be checked, and no disposal is carried out by it.",
        )
    custody = settings.custody
    if custody.time_authorities_needed > len(authorities):
        return Finding(
            "problem",
            "trusted-time",
            f"`custody.time_authorities_needed` asks for {custody.time_authorities_needed} time authorities, "
            f"and there are {len(authorities)}: the log is never stamped.",
        )
    required = custody.time_authorities_required
    return Finding(
        "ok",
        "trusted-time",
        f"Disposals are carried out by the time of {', '.join(custody.disposing_authorities)}. A head of "
        f"the log counts as stamped once {custody.time_authorities_needed} of {len(authorities)} time "
        f"authorities answered{', and among them ' + ', '.join(required) if required else ''}.",
    )


def _stamped_by_itself(settings: Settings) -> str:
    if settings.custody.embedded_time_authority:
        return (
            "The log and exports carry self-asserted time, signed by this Custos itself: to an outsider it "
            "proves nothing."
        )
    return "Neither the log nor exports are stamped with any time."


def examine_keys(settings: Settings) -> list[Finding]:
    """Whether others can read the key, and whether its loss or theft could be survived."""
    private = settings.keys / "signing-key.pem"
    if not private.exists():
        return []
    found = []
    modes = private.stat().st_mode | settings.keys.stat().st_mode
    own_time = settings.keys / "time-authority.pem"
    if (modes | (own_time.stat().st_mode if own_time.exists() else 0)) & 0o077:
        found.append(
            Finding(
                "problem",
                "key-modes",
                f"Other accounts can reach the signing key. Set {settings.keys} to mode 0700, keys in "
                "it to 0600; if somebody may have read it, see docs/keys.md.",
            )
        )
    named = any(b"key-recovery" in path.read_bytes() for path in settings.keys.glob("statements/*.note"))
    words = (
        "A recovery key is named. Keep its file and the backup of the keys away from this machine."
        if named
        else "No recovery key is named: a signing key that is lost without a backup, or stolen, cannot be "
        "replaced. Run `custos keys recovery` and `custos keys backup` (docs/keys.md)."
    )
    return [*found, Finding("ok" if named else "warning", "recovery-key", words)]
