"""What the sandbox shows a tool, as an argv."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from evidence.errors import StageFailed
from transcode.sandbox import Limits, Sandbox, limits_argv, sandbox_argv

_LIMITS = Limits(cpu_s=3, memory=1000, file_size=7)


def _values(argv: list[str], option: str, count: int) -> list[tuple[str, ...]]:
    return [tuple(argv[at + 1 : at + 1 + count]) for at, word in enumerate(argv) if word == option]


def test_only_usr_the_original_and_out_are_bound() -> None:
    argv = sandbox_argv(original=Path("/store/ab/cd"), out=Path("/made/x"), links=[("usr/bin", "/bin")])
    assert _values(argv, "--ro-bind", 2) == [("/usr", "/usr"), ("/store/ab/cd", "/in/original")]
    assert _values(argv, "--bind", 2) == [("/made/x", "/out")]
    assert _values(argv, "--ro-bind-try", 2) == [
        ("/etc/alternatives", "/etc/alternatives"),
        ("/etc/ld.so.cache", "/etc/ld.so.cache"),
    ]
    assert _values(argv, "--symlink", 2) == [("usr/bin", "/bin")]
    assert {"--unshare-all", "--clearenv", "--die-with-parent", "--new-session"} < set(argv)
    assert _values(argv, "--cap-drop", 1) == [("ALL",)]
    assert argv[-1] == "--"


def test_nothing_is_writable_without_out() -> None:
    argv = sandbox_argv(original=Path("/store/ab"))
    assert "--bind" not in argv
    assert "--share-net" not in argv


def test_a_program_elsewhere_is_bound_alone() -> None:
    argv = sandbox_argv(programs=[Path("/opt/tools/ffmpeg"), Path("/opt/own")])
    assert _values(argv, "--ro-bind", 2) == [
        ("/usr", "/usr"),
        ("/opt/tools/ffmpeg", "/opt/tools/ffmpeg"),
        ("/opt/own", "/opt/own"),
    ]
    assert "--bind" not in argv


def test_what_lies_below_usr_is_not_bound_again() -> None:
    sandbox = Sandbox("prefer")
    if not sandbox.in_force:
        pytest.skip(sandbox.protection()[1])
    with sandbox.cage(
        Path("/usr/bin/true"), _LIMITS, own_files=[Path("/usr/share"), Path("/opt/own")]
    ) as cage:
        bound = _values([*cage.prefix], "--ro-bind", 2)
    assert bound == [("/usr", "/usr"), ("/opt/own", "/opt/own")]


def test_limits_are_all_set() -> None:
    assert limits_argv(_LIMITS) == [
        "prlimit",
        "--cpu=3",
        "--as=1000",
        "--fsize=7",
        "--nofile=64",
        "--core=0",
        "--",
    ]


def test_without_bubblewrap_require_refuses_and_says_why() -> None:
    sandbox = Sandbox("require", bwrap="no-such-bwrap")
    in_force, words = sandbox.protection()
    assert not in_force
    assert "not installed" in words
    with pytest.raises(StageFailed) as caught, sandbox.cage(Path("/usr/bin/true"), _LIMITS):
        pass
    assert (caught.value.code, caught.value.final) == ("no-sandbox", False)


def test_without_bubblewrap_prefer_keeps_limits_and_a_safe_name(tmp_path: Path) -> None:
    original = tmp_path / "a\n-execute\n"
    original.write_bytes(b"bytes")
    sandbox = Sandbox("prefer", bwrap="no-such-bwrap")
    assert not sandbox.protection()[0]
    with sandbox.cage(Path("/usr/bin/true"), _LIMITS, original, tmp_path) as cage:
        assert "--fsize=7" in cage.prefix
        assert "\n" not in cage.places.original
        assert Path(cage.places.original).read_bytes() == b"bytes"
    assert not Path(cage.places.original).exists()


def test_a_bubblewrap_that_fails_is_reported(tmp_path: Path) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: no namespaces here' >&2\nexit 1\n")
    broken.chmod(0o755)
    in_force, words = Sandbox("require", bwrap=str(broken)).protection()
    assert not in_force
    assert "no namespaces here" in words


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can hand a capability down to another account")
def test_it_holds_for_a_service_that_is_handed_a_capability() -> None:
    links = [
        (str(path.readlink()), str(path))
        for path in map(Path, ("/bin", "/lib", "/lib64"))
        if path.is_symlink()
    ]
    service = [
        *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"),
        *("--inh-caps=-all,+linux_immutable", "--ambient-caps=+linux_immutable", "--"),
    ]

    def status(*, hands_down: bool) -> int:
        shut_in = sandbox_argv(links=links, hands_down=hands_down)
        return subprocess.run(
            [*service, *shut_in, "/usr/bin/true"], check=False, capture_output=True
        ).returncode

    assert status(hands_down=True) == 0
    assert status(hands_down=False) != 0, "bubblewrap has learned it: nothing has to be taken away any more"
