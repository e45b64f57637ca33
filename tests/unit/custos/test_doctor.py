"""What the doctor says, and that it cannot be misread."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from custody.embedded_time import TIME_KEY, open_embedded
from custody.key_files import open_signer
from custos import disk, doctor
from custos.clock import Synchronisation, SystemClock
from custos.disk import Mount, examine_filesystem, mount_of
from custos.findings import Finding, rendered
from custos.sections import CustodySettings, IngestSettings, MediaSettings
from custos.settings import Settings
from evidence.errors import Unavailable
from evidence.jobs import Cost
from evidence.waiting import Waiting
from storage.catalogue.keeper import Keeper
from storage.objects.staging import StagingDirectory

_MOUNTINFO = r"""21 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
22 21 0:21 / /proc rw - proc proc rw
30 21 8:1 / /srv/evi\040dence rw,noatime shared:1 - xfs /dev/sdb1 rw,nobarrier
31 21 0:40 / /srv/over rw - ext4 /dev/vdb rw
32 21 0:41 / /srv/over rw - tmpfs tmpfs rw,size=1k
"""


@pytest.mark.parametrize(
    ("path", "point", "filesystem"),
    [
        ("/var/lib/custos", "/", "ext4"),
        ("/srv/evi dence/data", "/srv/evi dence", "xfs"),
        ("/srv/evidence", "/", "ext4"),
        ("/srv/over", "/srv/over", "tmpfs"),
        ("/processes", "/", "ext4"),
    ],
)
def test_the_mount_that_counts_is_the_closest_and_latest(path: str, point: str, filesystem: str) -> None:
    mount = mount_of(Path(path), _MOUNTINFO)
    assert mount is not None
    assert (mount.point, mount.filesystem) == (Path(point), filesystem)


def test_no_mount_is_a_warning() -> None:
    assert mount_of(Path("/x"), "") is None
    assert examine_filesystem(None).level == "warning"


@pytest.mark.parametrize(
    ("filesystem", "options", "level", "word"),
    [
        ("ext4", {"rw"}, "ok", "ext4"),
        ("xfs", {"rw", "nobarrier"}, "problem", "write barriers"),
        ("ext4", {"rw", "barrier=0"}, "problem", "write barriers"),
        ("tmpfs", {"rw"}, "problem", "memory"),
        ("overlay", {"rw"}, "problem", "container"),
        ("nfs4", {"rw"}, "problem", "decided elsewhere"),
        ("fuse.sshfs", {"rw"}, "problem", "decided elsewhere"),
        ("vfat", {"rw"}, "warning", "not been tried"),
    ],
)
def test_what_is_thought_of_a_filesystem(filesystem: str, options: set[str], level: str, word: str) -> None:
    finding = examine_filesystem(Mount(Path("/srv"), filesystem, frozenset(options)))
    assert (finding.level, finding.code) == (level, "filesystem")
    assert word in finding.words


def test_a_data_directory_that_is_not_there_is_tried_above_and_not_made(tmp_path: Path) -> None:
    data = tmp_path / "a" / "b"
    finding, place = disk.examine_place(data)
    assert (finding.level, finding.code, place) == ("warning", "data-directory", tmp_path)
    assert not data.exists()


def test_a_data_directory_that_cannot_be_written_ends_the_disk_check(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    (finding,) = doctor.examine_disk(Settings(data=file))
    assert (finding.level, finding.code) == ("problem", "data-directory")


def _refuse(number: int) -> object:
    def ioctl(*_arguments: object) -> bytes:
        raise OSError(number, os.strerror(number))

    return ioctl


@pytest.mark.parametrize(
    ("number", "word"), [(errno.EPERM, "CAP_LINUX_IMMUTABLE"), (errno.ENOTTY, "ext4 or xfs")]
)
def test_without_the_flag_it_is_said_who_can_delete_recordings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, word: str
) -> None:
    monkeypatch.setattr(fcntl, "ioctl", _refuse(number))
    flag, protection = disk.examine_protection(tmp_path, immutable=True)
    assert (flag.level, flag.code) == ("warning", "immutable-flag")
    assert word in flag.words
    assert (protection.level, protection.code) == ("warning", "protection")
    assert "root can change or delete them" in protection.words
    assert list(tmp_path.iterdir()) == []


def test_with_the_flag_root_is_still_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "_try_immutable", lambda _place: None)
    flag, protection = disk.examine_protection(tmp_path, immutable=True)
    assert (flag.level, protection.level) == ("ok", "warning")
    assert "root on this machine can remove the flag" in protection.words
    assert "Nothing on one disk stops an administrator with the root password" in protection.words


def test_the_flag_is_tried_for_real_and_leaves_nothing(tmp_path: Path) -> None:
    assert [finding.code for finding in disk.examine_protection(tmp_path, immutable=True)] == [
        "immutable-flag",
        "protection",
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_flag_that_is_switched_off_protects_nothing(tmp_path: Path) -> None:
    flag, protection = disk.examine_protection(tmp_path, immutable=False)
    assert (flag.level, protection.level) == ("warning", "warning")
    assert "protection.immutable" in flag.words
    assert "Only ordinary file permissions" in protection.words


def test_reads_that_only_come_from_the_cache_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: Path) -> bytes:
        raise OSError(errno.EINVAL, "no")

    monkeypatch.setattr(disk, "_read_directly", refuse)
    finding = disk.examine_direct_reads(tmp_path)
    assert (finding.level, finding.code) == ("warning", "direct-reads")
    assert "cached" in finding.words


@pytest.mark.parametrize(("number", "code"), [(errno.EXDEV, "one-filesystem"), (errno.EPERM, "hard-links")])
def test_without_hard_links_nothing_can_be_taken_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    def refuse(_self: Path, _target: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    finding = disk.examine_hard_links(tmp_path / "staging", tmp_path / "store", tmp_path)
    assert (finding.level, finding.code) == ("problem", code)


def test_hard_links_are_tried_for_real(tmp_path: Path) -> None:
    finding = disk.examine_hard_links(tmp_path / "staging", tmp_path / "store", tmp_path)
    assert (finding.level, finding.code) == ("ok", "hard-links")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("reserve", "level"), [(2**62, "problem"), (0, "ok")])
def test_the_reserve_is_compared_with_what_is_free(tmp_path: Path, reserve: int, level: str) -> None:
    assert disk.examine_free_space(tmp_path, reserve).level == level


def test_space_that_will_soon_be_gone_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 15})
    monkeypatch.setattr(shutil, "disk_usage", lambda _place: usage)
    assert disk.examine_free_space(tmp_path, 10).level == "warning"


def test_a_missing_tool_names_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    finding = doctor.examine_tool("exiftool", ("-ver",), "libimage-exiftool-perl", "no tags")
    assert (finding.level, finding.code) == ("problem", "tool-exiftool")
    assert "libimage-exiftool-perl" in finding.words


@pytest.mark.parametrize(
    ("script", "level", "word"),
    [
        ("echo tool version 1.2", "ok", "1.2"),
        ("exit 3", "problem", "does not run"),
        ("echo", "ok", "unknown"),
    ],
)
def test_a_tool_is_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, level: str, word: str
) -> None:
    tool = tmp_path / "tool"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    finding = doctor.examine_tool("tool", (), "package", "nothing")
    assert finding.level == level
    assert word in finding.words


@pytest.mark.parametrize(("policy", "level"), [("require", "problem"), ("prefer", "warning")])
def test_a_missing_sandbox_weighs_what_the_setting_says(tmp_path: Path, policy: str, level: str) -> None:
    settings = Settings(data=tmp_path, media=MediaSettings.model_validate({"sandbox": policy}))
    assert doctor.examine_sandbox(settings, (False, "None here.")) == [
        Finding("problem" if level == "problem" else "warning", "sandbox", "None here.")
    ]


@pytest.mark.parametrize(
    ("version", "level"),
    [("3.40.1", "problem"), ("3.51.2", "problem"), ("3.51.3", "ok"), ("3.53.0", "ok"), ("3.50.7", "ok")],
)
def test_a_sqlite_that_can_damage_the_catalogue_is_a_problem(version: str, level: str) -> None:
    assert doctor.examine_sqlite(version).level == level


@pytest.mark.parametrize("state", list(Synchronisation))
def test_a_clock_that_nobody_sets_is_a_warning(state: Synchronisation) -> None:
    expected = "ok" if state is Synchronisation.YES else "warning"
    assert doctor.examine_clock(state).level == expected


def test_without_trusted_time_nothing_can_be_disposed_of(tmp_path: Path) -> None:
    root = tmp_path / "root.pem"
    custody = CustodySettings(time_authorities={"https://tsa.example": str(root)})
    settings = Settings(data=tmp_path, custody=custody)
    assert doctor.examine_trusted_time(Settings(data=tmp_path)).level == "warning"
    assert "self-asserted" in doctor.examine_trusted_time(Settings(data=tmp_path)).words
    unstamped = Settings(data=tmp_path, custody=CustodySettings(embedded_time_authority=False))
    assert "Neither the log nor exports" in doctor.examine_trusted_time(unstamped).words
    assert doctor.examine_trusted_time(settings).level == "problem"
    root.write_bytes(b"")
    assert doctor.examine_trusted_time(settings).level == "ok"
    both = {"https://tsa.example": str(root), "https://other.example": str(root)}
    required = CustodySettings(time_authorities=both, time_authorities_required=["https://other.example"])
    found = doctor.examine_trusted_time(Settings(data=tmp_path, custody=required))
    assert found.level == "ok"
    assert "by the time of https://other.example. A head" in found.words
    assert "once 1 of 2 time authorities answered, and among them https://other.example" in found.words
    many = CustodySettings(time_authorities=both, time_authorities_needed=3)
    assert doctor.examine_trusted_time(Settings(data=tmp_path, custody=many)).level == "problem"


def test_a_key_that_others_reach_and_one_that_nothing_can_replace_are_named(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    assert doctor.examine_keys(settings) == []
    open_signer(settings.keys)
    assert [(one.level, one.code) for one in doctor.examine_keys(settings)] == [("warning", "recovery-key")]
    (settings.keys / "statements").mkdir()
    (settings.keys / "statements" / "0001.note").write_text('{"v":"custos/key-recovery/1"}')
    assert [(one.level, one.code) for one in doctor.examine_keys(settings)] == [("ok", "recovery-key")]
    for name in (TIME_KEY, "signing-key.pem"):
        open_embedded(settings.keys, SystemClock())
        (settings.keys / name).chmod(0o640)
        assert doctor.examine_keys(settings)[0].code == "key-modes"
        (settings.keys / name).chmod(0o600)


def test_a_catalogue_that_does_not_answer_or_is_not_sound_is_a_problem() -> None:
    def ask() -> Keeper:
        raise Unavailable("postgresql-not-durable", "It runs with fsync=off.")

    assert doctor.examine_catalogue(ask) == [Finding("problem", "catalogue", "It runs with fsync=off.")]
    (old,) = doctor.examine_catalogue(lambda: Keeper("SQLite", "3.40.1"))
    assert old.level == "problem"


def test_a_role_that_could_change_the_log_is_named() -> None:
    held = doctor.examine_catalogue(lambda: Keeper("PostgreSQL", "18.1"))
    assert [one.level for one in held] == ["ok", "ok"]
    free = doctor.examine_catalogue(lambda: Keeper("PostgreSQL", "18.1", "UPDATE events"))
    assert [one.level for one in free] == ["ok", "warning"]
    empty = doctor.examine_catalogue(lambda: Keeper("PostgreSQL", "18.1", None))
    assert "not made yet" in empty[1].words


def test_work_without_a_worker_is_a_problem_that_says_which_to_start() -> None:
    waiting = Waiting(Cost.TRANSCODE, 7, datetime(2026, 11, 29, tzinfo=UTC))
    (found,) = doctor.examine_queues(lambda: [waiting])
    assert (found.level, found.code) == ("problem", "work-transcode")
    assert "7 jobs" in found.words
    assert "custos worker --queues transcode" in found.words


def test_what_uploads_end_in_is_said_once_there_is_a_disk_for_them(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    assert doctor.examine_staging(settings) == []
    settings.staging.mkdir()
    assert doctor.examine_staging(settings) == []
    assert list(settings.staging.iterdir()) == []
    tag = StagingDirectory(settings.staging).tag
    (found,) = doctor.examine_staging(settings)
    assert (found.level, found.code) == ("ok", "staging")
    assert tag in found.words


def test_a_whole_examination_names_everything_once(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, ingest=IngestSettings(reserve_bytes=0))
    findings = doctor.examine(
        settings,
        catalogue=lambda: Keeper("SQLite", "3.53.0"),
        waiting=lambda: (),
        sandbox=(True, "Shut in."),
    )
    codes = [finding.code for finding in findings]
    assert len(codes) == len(set(codes))
    assert {
        "data-directory",
        "filesystem",
        "protection",
        "free-space",
        "sandbox",
        "sqlite",
        "clock",
        "trusted-time",
    } <= {*codes}
    assert list(tmp_path.iterdir()) == []


def test_the_last_line_gives_the_verdict() -> None:
    fine = [Finding("ok", "a", "Fine."), Finding("warning", "b", "So so.")]
    assert rendered(fine).splitlines()[0] == "ok        Fine. [a]"
    assert rendered(fine).endswith("0 problems, 1 warnings. Custos can be used.")
    bad = [*fine, Finding("problem", "c", "Bad. " * 40)]
    assert rendered(bad).endswith("1 problems, 1 warnings. Custos must not be used like this.")
    assert max(map(len, rendered(bad).splitlines())) <= 100
