"""docs/keys.md, followed step by step: the first day, a rotation, a loss, a theft."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from custody.key_files import load_private
from custody.notes import ED25519, Checkpoint, Note, VerifierKey, parse_checkpoint, parse_note, sign
from custody.rotation import Keys
from custos.cli import main
from custos.clock import SystemClock
from custos.commands.session import with_services
from custos.keeping_sections import ProtectionSettings
from custos.sections import CustodySettings
from custos.settings import Settings
from custos.wiring import Services
from evidence.agents import Role
from evidence.canonical import canonical
from evidence.errors import CustosError, Unavailable
from storage.catalogue.catalogue import open_catalogue
from storage.objects.filesystem import FilesystemStore
from storage.objects.log_files import LogFiles
from tests.fault.scenario import metadata, pieces

ORIGIN = "custos.test/log"
BYTES = b"hello"


@dataclass
class Office:
    """One installation, its files outside of it, and whoever types commands."""

    base: Path
    capture: pytest.CaptureFixture[str] | None = None
    pins: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.base / "data"

    @property
    def settings(self) -> Settings:
        return Settings(
            data=self.data,
            protection=ProtectionSettings(immutable=False),
            custody=CustodySettings(origin=ORIGIN),
        )

    def custos(self, *arguments: str | Path) -> tuple[int, str]:
        assert self.capture is not None
        status = main([str(one) for one in arguments])
        said = self.capture.readouterr()
        return status, said.out + said.err

    def keys(self, command: str, *arguments: str | Path) -> tuple[int, str]:
        secret = ("--passphrase-file", self.base / "passphrase")
        return self.custos("keys", command, *arguments, *(() if command == "show" else secret))

    def serve(self, work: Callable[[Services], Awaitable[None]] | None = None) -> None:
        """A moment of the server: something happens, and is in the log."""

        async def moment(services: Services) -> None:
            if work is not None:
                await work(services)
            while (await services.sequencer.run()).added:
                pass
            (self.base / "keys.json").write_bytes(canonical(await services.proofs.keys()))

        asyncio.run(with_services(self.settings, moment))

    def keep(self, name: str) -> None:
        """Take in a file; its receipt beside it."""

        async def take(services: Services) -> None:
            agent = await services.accounts.add(f"li-{name}", "", Role.SUPERVISOR, "u", None)
            upload = await services.uploads.open(agent, len(BYTES), metadata(filename=name))
            await services.uploads.receive(agent, upload.id, 0, None, pieces(BYTES, 0), None)
            (job,) = await services.catalogue.read(lambda tx: tx.jobs.of_subjects([upload.id]))
            await services.work.run(job.id)
            receipt = await services.uploads.receipt(agent, upload.id)
            assert receipt is not None
            (self.base / f"{name}.jws").write_text(receipt)

        self.serve(take)
        (self.base / name).write_bytes(BYTES)

    def shown(self, what: str) -> str:
        return last_word(self.keys("show")[1], what)

    @property
    def log(self) -> Path:
        return self.data / "store" / "objects" / "log"

    def chain(self) -> tuple[str | Path, ...]:
        return ("--keys", self.base / "keys.json")


@pytest.fixture(scope="module")
def first_day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What lies where after the first day: each test has a copy of its own."""
    base = tmp_path_factory.mktemp("keys")
    with pytest.MonkeyPatch.context() as patch:
        settle(patch, base)
        secret = ["--passphrase-file", str(base / "passphrase")]
        (base / "passphrase").write_text("correct horse battery staple\n")
        (base / "passphrase").chmod(0o600)
        assert main(["keys", "show"]) == 0
        assert not (base / "data" / "keys").exists()
        assert main(["keys", "recovery", "--to", str(base / "recovery.key"), *secret]) == 0
        Office(base).keep("first.mp4")
        assert main(["keys", "backup", "--to", str(base / "backup.keys"), *secret]) == 0
        shutil.copy(base / "data" / "keys" / "signing-key.pub.pem", base / "first.pem")
        yield base


@pytest.fixture
def office(
    first_day: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Office:
    """After its first day."""
    base = tmp_path / "office"
    shutil.copytree(first_day, base)
    settle(monkeypatch, base)
    made = Office(base, capsys)
    _, said = made.keys("show")
    assert "before the first leaf" in said
    made.pins = {"key": last_word(said, "in force"), "recovery": last_word(said, "recovery")}
    return made


def settle(patch: pytest.MonkeyPatch, base: Path) -> None:
    patch.setenv("CUSTOS_DATA", str(base / "data"))
    patch.setenv("CUSTOS_PROTECTION__IMMUTABLE", "false")
    patch.setenv("CUSTOS_CUSTODY__ORIGIN", ORIGIN)
    # What a person waits for half a second for, a test does not.
    patch.setattr("custody.passphrase._N", 1 << 10)


def last_word(said: str, what: str) -> str:
    return next(line.split()[-1] for line in said.splitlines() if line.startswith(what))


def test_the_first_day_leaves_no_key_where_it_does_not_belong(office: Office) -> None:
    keys = office.data / "keys"
    assert keys.stat().st_mode & 0o777 == 0o700
    assert (keys / "signing-key.pem").stat().st_mode & 0o777 == 0o600
    private = (keys / "signing-key.pem").read_bytes().splitlines()[1]
    for name in ("recovery.key", "backup.keys"):
        path = office.base / name
        assert path.stat().st_mode & 0o777 == 0o600
        assert b"PRIVATE" not in path.read_bytes()
        assert private not in path.read_bytes()
    for command, code in (
        (("backup", "--to", office.data / "x"), "inside-data"),
        (("backup", "--to", office.base / "backup.keys"), "not-writable"),
        (("recovery", "--to", office.base / "other.key"), "recovery-named"),
        (("rotate", "--finish"), "nothing-unfinished"),
        (("restore", office.base / "recovery.key"), "not-such-a-file"),
        (("rotate", "--reason", "r", "--recovery", office.base / "backup.keys"), "not-such-a-file"),
    ):
        status, said = office.keys(*command)
        assert (status, f"[{code}]" in said) == (2, True), said
    assert not (office.base / "other.key").exists()

    async def beside(_: Services) -> None:
        status, said = await asyncio.to_thread(office.keys, "rotate", "--reason", "r")
        assert (status, "[keys-in-use]" in said) == (2, True)

    asyncio.run(with_services(office.settings, beside))
    (office.base / "passphrase").write_text("wrong, all of it")
    assert "[wrong-passphrase]" in office.keys("restore", office.base / "backup.keys")[1]
    (office.base / "passphrase").write_text("short")
    assert "[weak-passphrase]" in office.keys("backup", "--to", office.base / "y")[1]
    (office.base / "passphrase").chmod(0o644)
    assert "[open-passphrase]" in office.keys("backup", "--to", office.base / "y")[1]


def test_a_rotation_leads_whoever_pinned_the_old_key_on(office: Office) -> None:
    assert office.keys("rotate", "--reason", "yearly")[0] == 0
    new = office.shown("in force")
    assert new != office.pins["key"]
    # The checkpoint over it is signed by both.
    for key in (office.pins["key"], new):
        assert office.custos("verify", "log", office.data / "store", "--key", key)[0] == 0
    office.keep("second.mp4")
    status, said = office.custos("verify", "log", office.data / "store", "--key", office.pins["key"])
    assert (status, "--keys" in said) == (1, True)
    for key in (office.pins["key"], new):
        status, said = office.custos("verify", "log", office.data / "store", "--key", key, *office.chain())
        assert (status, said) == (0, said)
    assert office.custos("verify", "log")[0] == 0
    old, current = office.base / "first.pem", office.data / "keys" / "signing-key.pub.pem"
    (retired,) = (office.data / "keys" / "retired").iterdir()
    assert retired.read_bytes() == old.read_bytes()
    for name, right, wrong in (("first.mp4", old, current), ("second.mp4", current, old)):
        receipt = ("verify", "receipt", office.base / name, office.base / f"{name}.jws", "--key")
        assert office.custos(*receipt, right)[0] == 0
        status, said = office.custos(*receipt, wrong)
        assert (status, "another key" in said) == (1, True)
        assert office.custos(*receipt, wrong, *office.chain())[0] == 0
    event = rotated(office)
    assert event["digests"].keys() == {"sha256", "old_key_sha256", "new_key_sha256"}
    # And once more, to see that it can be done again.
    assert office.keys("rotate", "--reason", "again")[0] == 0
    office.serve()
    key = ("--key", office.pins["key"], "--recovery-key", office.pins["recovery"])
    assert office.custos("verify", "log", office.data / "store", *key, *office.chain())[0] == 0


def rotated(office: Office) -> dict[str, Any]:
    """The one event of a rotation."""
    found: list[dict[str, Any]] = []

    async def look(services: Services) -> None:
        def rows(tx: Any) -> list[bytes]:
            return [row[0] for row in tx.connection.exec_driver_sql("SELECT data FROM events")]

        found.extend(map(json.loads, await services.catalogue.read(rows)))

    asyncio.run(with_services(office.settings, look))
    (event,) = [one for one in found if one["type"] == "key.rotated"]
    return event


def refused(office: Office) -> str:
    """Why nothing starts."""
    with pytest.raises(Unavailable) as error:
        office.serve()
    return error.value.code


def test_a_lost_key_comes_back_from_the_backup(office: Office) -> None:
    shutil.rmtree(office.data / "keys")
    assert refused(office) == "key-lost"
    assert not (office.data / "keys" / "signing-key.pem").exists()
    for _ in range(2):
        assert office.keys("restore", office.base / "backup.keys")[0] == 0
    office.keep("second.mp4")
    assert office.shown("in force") == office.pins["key"]
    assert office.custos("verify", "log")[0] == 0
    # Never over another key, and another key signs nothing.
    other = load_private(office.data / "keys" / "signing-key.pem")
    (office.data / "keys").rename(office.base / "right")
    shutil.copytree(office.base / "right", office.data / "keys")
    assert office.keys("rotate", "--reason", "r")[0] == 0
    assert load_private(office.data / "keys" / "signing-key.pem") != other
    assert "[keys-there]" in office.keys("restore", office.base / "backup.keys")[1]
    shutil.rmtree(office.data / "keys")
    (office.base / "right").rename(office.data / "keys")
    assert refused(office) == "key-unknown"
    assert "[key-unknown]" in office.keys("rotate", "--reason", "r")[1]


def test_a_lost_key_without_a_backup_is_replaced_by_the_recovery_key(office: Office) -> None:
    shutil.rmtree(office.data / "keys")
    assert "[key-lost]" in office.keys("rotate", "--reason", "the disk died")[1]
    recovery = ("--recovery", office.base / "recovery.key")
    status, said = office.keys("rotate", "--reason", "the disk died", *recovery)
    assert status == 0, said
    office.keep("second.mp4")
    key = ("--key", office.pins["key"], "--recovery-key", office.pins["recovery"])
    assert office.custos("verify", "log", office.data / "store", *key, *office.chain())[0] == 0
    assert office.custos("verify", "log")[0] == 0
    assert "(recovery)" in office.keys("show")[1]


def test_a_stolen_key_signs_nothing_that_is_believed(office: Office) -> None:
    stolen = load_private(office.data / "keys" / "signing-key.pem")
    recovery = ("--recovery", office.base / "recovery.key")
    assert office.keys("rotate", "--reason", "stolen", *recovery)[0] == 0
    office.keep("second.mp4")
    key = ("--key", office.pins["key"], "--recovery-key", office.pins["recovery"])
    assert office.custos("verify", "log", office.data / "store", *key, *office.chain())[0] == 0
    # The thief signs the head of the same tree, and then has a chain of their own.
    copy = office.base / "copy"
    shutil.copytree(office.log, copy)
    text = parse_note((copy / "checkpoint").read_text()).text
    assert parse_checkpoint(text).size
    (copy / "checkpoint").write_text(str(Note(text, (sign(text, ORIGIN, stolen),))))
    status, said = office.custos("verify", "log", copy, *key, *office.chain())
    assert (status, "not signed by" in said) == (1, True)
    theirs = {
        "v": "custos/log-keys/1",
        "log": ORIGIN,
        "key": str(VerifierKey(ORIGIN, ED25519, stolen.public_key().public_bytes_raw())),
        "statements": [],
    }
    (office.base / "theirs.json").write_text(json.dumps(theirs))
    status, said = office.custos("verify", "log", copy, *key, "--keys", office.base / "theirs.json")
    assert (status, "recovery key" in said) == (1, True)
    assert str(Checkpoint(ORIGIN, 1, bytes(32))) != text


class Full(LogFiles):
    """A store that takes no checkpoint."""

    async def swap(self, expected: bytes | None, checkpoint: bytes) -> bytes | None:
        raise Unavailable("disk-failed", "The disk refused to work.")


def test_a_rotation_that_was_interrupted_is_finished_and_nothing_starts_before(office: Office) -> None:
    settings, clock = office.settings, SystemClock()

    def keys_on(files: Callable[[Path, FilesystemStore], LogFiles]) -> Any:
        async def rotate() -> None:
            store = FilesystemStore(settings.store, immutable=False)
            async with open_catalogue(settings.catalogue_file, clock, "test") as catalogue:
                keys = Keys(catalogue, files(settings.store, store), settings.keys, clock, ORIGIN)
                await keys.rotate("r")

        return rotate()

    with pytest.raises(CustosError):
        asyncio.run(keys_on(Full))
    assert refused(office) == "rotation-unfinished"
    for command in (("rotate", "--reason", "r"), ("recovery", "--to", office.base / "z")):
        assert "[rotation-unfinished]" in office.keys(*command)[1]
    pending = (settings.keys / "pending-rotation.json").read_bytes()
    assert office.keys("rotate", "--finish")[0] == 0
    # It died just before it was done: everything is there, and is done again.
    (settings.keys / "pending-rotation.json").write_bytes(pending)
    assert office.keys("rotate", "--finish")[0] == 0
    rotated(office)
    office.keep("second.mp4")
    key = ("--key", office.pins["key"])
    assert office.custos("verify", "log", office.data / "store", *key, *office.chain())[0] == 0
    assert office.custos("verify", "log")[0] == 0
