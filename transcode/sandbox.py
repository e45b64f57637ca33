"""Shuts a media tool in: bubblewrap around it, prlimit inside.

Invariants: in the sandbox a tool sees a read-only /usr, the one original at a fixed name, what its caller
names of the program's own files (read-only), and at most one directory that it may write; no network, no
other process, no capability, no variable of ours. Limits hold with or without the sandbox. The builders are
pure; only `Sandbox` looks at the machine.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from evidence.errors import StageFailed
from transcode.process import ENVIRONMENT

Policy: TypeAlias = Literal["require", "prefer"]

_PROBE_S = 15.0
_SCRATCH_BYTES = 16 << 20
_USR = Path("/usr")
_STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True)
class Places:
    """Where a tool finds the original and may write."""

    original: str
    out: str


#: The places as a sandboxed tool sees them, and as provenance names them everywhere.
INSIDE = Places("/in/original", "/out")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one process may use: CPU seconds, address space, length of any file it writes, open files."""

    cpu_s: int
    memory: int
    file_size: int = 0
    open_files: int = 64


@dataclass(frozen=True, slots=True)
class Cage:
    """What to put before a tool's own argv, and the places its arguments must name."""

    prefix: tuple[str, ...]
    places: Places


def limits_argv(limits: Limits, prlimit: str = "prlimit") -> list[str]:
    """The prlimit command line that a tool's argv is appended to."""
    return [
        prlimit,
        f"--cpu={limits.cpu_s}",
        f"--as={limits.memory}",
        f"--fsize={limits.file_size}",
        f"--nofile={limits.open_files}",
        "--core=0",
        "--",
    ]


def sandbox_argv(
    *,
    bwrap: str = "bwrap",
    original: Path | None = None,
    out: Path | None = None,
    programs: Sequence[Path] = (),
    devices: Sequence[str] = (),
    links: Sequence[tuple[str, str]] = (),
    hands_down: bool = False,
) -> list[str]:
    """The bubblewrap command line that a tool's argv is appended to.

    `links` are the host's (target, link) pairs for /bin, /lib and so on. `programs` are bound read-only at
    their own paths, for a tool, and files of its own, that do not live below /usr. `devices` are seen where
    the host has them. `hands_down`: this process hands capabilities down to the programs that it starts.
    """
    # bubblewrap refuses to start with a capability that was handed down, as systemd hands one to a service.
    argv = ["setpriv", "--ambient-caps=-all", "--inh-caps=-all", "--"] if hands_down else []
    argv += [bwrap, "--unshare-all", "--clearenv", "--cap-drop", "ALL", "--die-with-parent", "--new-session"]
    argv += ["--ro-bind", "/usr", "/usr"]
    for target, link in links:
        argv += ["--symlink", target, link]
    for library_map in ("/etc/alternatives", "/etc/ld.so.cache"):
        argv += ["--ro-bind-try", library_map, library_map]
    argv += ["--proc", "/proc", "--dev", "/dev"]
    argv += ["--size", str(_SCRATCH_BYTES), "--tmpfs", "/tmp"]  # noqa: S108  # a new, empty one
    for name, value in ENVIRONMENT.items():
        argv += ["--setenv", name, value]
    for device in devices:
        argv += ["--dev-bind-try", device, device]
    for program in programs:
        argv += ["--ro-bind", str(program), str(program)]
    if original is not None:
        argv += ["--ro-bind", str(original), INSIDE.original]
    if out is not None:
        argv += ["--bind", str(out), INSIDE.out]
    # The root and /dev are in memory too: left writable, a tool could fill the machine's memory through them.
    return [*argv, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--"]


def _hands_down() -> bool:
    """Whether what this process starts inherits a capability of it."""
    with contextlib.suppress(OSError):
        for line in _STATUS.read_text("ascii", "replace").splitlines():
            if line.startswith("CapAmb:"):
                return int(line.split()[1], 16) != 0
    return False


def _host_links() -> list[tuple[str, str]]:
    links = []
    for name in ("/bin", "/sbin", "/lib", "/lib32", "/lib64"):
        path = Path(name)
        if path.is_symlink():
            links.append((str(path.readlink()), name))
    return links


class Sandbox:
    """Decides once, when made, whether bubblewrap works here; that takes one run of it (about 30 ms)."""

    def __init__(self, policy: Policy, bwrap: str = "bwrap") -> None:
        self._policy = policy
        self._links = _host_links()
        self._hands_down = _hands_down()
        self._bwrap = shutil.which(bwrap)
        self._prlimit = shutil.which("prlimit")
        self._fault = self._find_fault()

    @property
    def in_force(self) -> bool:
        """Whether tools are run inside the sandbox."""
        return self._fault is None

    def protection(self) -> tuple[bool, str]:
        """Whether the sandbox is in force, and what that means, in words."""
        if self._fault is None:
            return True, (
                "Every media tool runs alone in a bubblewrap sandbox: no network, no other files than the "
                "one it reads, no privileges, and limits on time, memory and output."
            )
        consequence = (
            "No media tool is started until it works (media sandbox: require)."
            if self._policy == "require"
            else "Media tools run without it, with limits on time, memory and output only "
            "(media sandbox: prefer). A hostile recording could then read what this service can read."
        )
        return False, f"{self._fault} {consequence}"

    @contextlib.contextmanager
    def cage(
        self,
        program: Path,
        limits: Limits,
        original: Path | None = None,
        out: Path | None = None,
        own_files: Sequence[Path] = (),
        devices: Sequence[str] = (),
    ) -> Iterator[Cage]:
        """What runs `program` on `original`; the cage is gone when the context ends.

        `own_files` are what the program is made of beside itself: seen read-only, at their own paths.
        `devices` are hardware that it may use.

        Raises StageFailed "no-sandbox" if the policy requires one and there is none, "tool-missing" if
        there is no prlimit.
        """
        if self._prlimit is None:
            raise StageFailed(
                "tool-missing", "The program prlimit (util-linux) is missing. Install it, then try again."
            )
        held = limits_argv(limits, self._prlimit)
        if self._fault is None and self._bwrap is not None:
            outer = sandbox_argv(
                bwrap=self._bwrap,
                original=original,
                out=out,
                programs=[path for path in (program, *own_files) if not path.is_relative_to(_USR)],
                devices=devices,
                links=self._links,
                hands_down=self._hands_down,
            )
            yield Cage((*outer, *held), INSIDE)
            return
        if self._policy == "require":
            raise StageFailed(
                "no-sandbox",
                "Media tools may only run in a sandbox, and it does not work on this machine. "
                "Run `custos doctor`, make bubblewrap work, then try again.",
            )
        # A fixed name of ours: a file name with a line feed could otherwise give exiftool options.
        with tempfile.TemporaryDirectory(prefix="custos-media-") as directory:
            place = Path(directory) / "original"
            if original is not None:
                place.symlink_to(original)
            yield Cage(tuple(held), Places(str(place), str(out)))

    def _find_fault(self) -> str | None:
        if self._bwrap is None:
            return "There is no sandbox: the program bwrap (bubblewrap) is not installed."
        if self._prlimit is None:
            return "There is no sandbox: the program prlimit (util-linux) is not installed."
        argv = sandbox_argv(bwrap=self._bwrap, links=self._links, hands_down=self._hands_down)
        argv += [*limits_argv(Limits(cpu_s=5, memory=1 << 30), self._prlimit), "/usr/bin/true"]
        try:
            probe = subprocess.run(  # noqa: S603  # our own fixed argv
                argv,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_PROBE_S,
                env=dict(ENVIRONMENT),
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return "There is no sandbox: bubblewrap could not be started."
        if probe.returncode == 0:
            return None
        said = probe.stderr.decode("utf-8", "replace").strip().splitlines()
        return (
            f"There is no sandbox: bubblewrap is not allowed here ({said[0][:200] if said else 'no reason'})."
        )
