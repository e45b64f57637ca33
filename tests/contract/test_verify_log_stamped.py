"""Checkpoints that time authorities have stamped, and the verifier against what can be done to the tokens."""

from __future__ import annotations

import hashlib
import subprocess
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from clients.verifier.log import verify_log
from clients.verifier.policy import parse_policy
from clients.verifier.receipt import NotVerified
from clients.verifier.stamps import token_time
from clients.verifier.tokens import TimeTrust
from custody.notes import ED25519, Checkpoint, Note, VerifierKey
from custody.policies import policy_text
from custody.stamping import Stamper
from custody.time_tokens import encode_request
from custody.trusted_time import TimeAuthorities, read_roots
from custos.keeping_sections import ProtectionSettings
from custos.log_keeper import open_sequencer
from custos.sections import CustodySettings
from custos.settings import Settings
from evidence.errors import Unavailable
from tests.catalogues import OVER_BOTH, SQLITE_FIRST_CEPH_TOO
from tests.contract.test_custody_log import ORIGIN, Failing, Place, Still
from tests.contract.test_verify_log import grown, key_of, log_of
from tests.time_authority import TimeAuthority, time_authority

catalogues = SQLITE_FIRST_CEPH_TOO


@pytest.fixture
async def place(place: Place) -> Place:
    return await grown(place)


class Later(Still):
    """A clock that was put on."""

    def __init__(self, minutes: int) -> None:
        self._ahead = timedelta(minutes=minutes)

    def now(self) -> datetime:
        return super().now() + self._ahead


def stamper(place: Place, authority: TimeAuthority, minutes: int = 0) -> Stamper:
    roots = read_roots({authority.url: str(authority.root)})
    return Stamper(place.catalogue, place.store, TimeAuthorities(roots), Later(minutes))


async def test_the_process_that_keeps_the_log_takes_no_token_under_another_policy(tmp_path: Path) -> None:
    with time_authority(tmp_path / "authority") as authority:
        settings = Settings(
            data=tmp_path / "data",
            protection=ProtectionSettings(immutable=False),
            custody=CustodySettings(
                time_authorities={authority.url: str(authority.root)},
                time_authority_policies={authority.url: "1.2.3.4.2"},
            ),
        )
        async with open_sequencer(settings) as kept:
            sequencer, stamping = kept.sequencer, kept.stamper
            await sequencer.run()
            with pytest.raises(Unavailable, match="0 time authorities"):
                await stamping.run()


async def test_the_process_that_keeps_the_log_waits_for_one_that_is_required(tmp_path: Path) -> None:
    with time_authority(tmp_path / "one") as one, time_authority(tmp_path / "two") as two:
        settings = Settings(
            data=tmp_path / "data",
            protection=ProtectionSettings(immutable=False),
            custody=CustodySettings(
                time_authorities={each.url: str(each.root) for each in (one, two)},
                time_authorities_required=[two.url],
            ),
        )
        async with open_sequencer(settings) as kept:
            await kept.sequencer.run()
            two.spoil = lambda answer: answer[:-1]
            with pytest.raises(Unavailable, match=f"and {two.url} among them"):
                await kept.stamper.run()
            two.spoil = bytes
            stamp = await kept.stamper.run()
            assert stamp is not None
            assert stamp.authority == two.url


async def test_checkpoints_are_stamped_by_a_time_authority_once_a_minute(
    place: Place, tmp_path: Path
) -> None:
    with time_authority(tmp_path / "authority") as authority:
        root = authority.root.read_bytes()
        report = verify_log(await log_of(place), key_of(place), roots=[root])
        assert report.steps[-1].proved == "nothing, as there are none"
        first = await stamper(place, authority).run()
        assert first is not None
        assert first.size == 21
        # Nothing happened since; and then something did, within the minute.
        assert await stamper(place, authority, 5).run() is None
        await place.happen(3)
        await place.sequencer().run()
        assert await stamper(place, authority).run() is None
        second = await stamper(place, authority, 5).run()
        assert second is not None
        report = verify_log(await log_of(place), key_of(place), roots=[root])
        assert report.steps[-1].proved.startswith(
            "the trees of 2 stamped checkpoints are beginnings of this one"
        )
        assert "2 tokens" in report.steps[-1].proved
        report = verify_log(await log_of(place), key_of(place))
        assert "name a time authority's root" in report.steps[-1].not_checked
        kept = await place.catalogue.read(lambda tx: tx.log.stamps(5))
        assert [one.size for one in kept] == [24, 21]
        log = await log_of(place)
        stamps = log / "stamps"
        (token,) = stamps.glob("21.*.tsr")
        done = subprocess.run(
            ["openssl", "ts", "-verify", "-data", str(stamps / "21.checkpoint"), "-in", str(token), "-CAfile",
             str(authority.root)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "Verification: OK" in done.stdout + done.stderr
        for name in (token.name, "21.checkpoint"):
            data = (stamps / name).read_bytes()
            (stamps / name).chmod(0o644)
            for at in range(0, len(data), 5):
                (stamps / name).write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
                with pytest.raises(NotVerified):
                    verify_log(log, key_of(place), roots=[root])
            (stamps / name).write_bytes(data)
        with time_authority(tmp_path / "other") as other, pytest.raises(NotVerified, match="does not prove"):
            verify_log(log, key_of(place), roots=[other.root.read_bytes()])
        # Another tree of that size, stamped before: whoever forks the log cannot take that back.
        text = str(Checkpoint(ORIGIN, 21, bytes(32)))
        (stamps / "21.checkpoint").write_text(str(Note(text, (place.signer.sign_note(text, ORIGIN),))))
        with pytest.raises(NotVerified, match="the log was forked"):
            verify_log(log, key_of(place))


@OVER_BOTH
async def test_several_authorities_stamp_a_head_and_so_many_are_needed(place: Place, tmp_path: Path) -> None:
    with time_authority(tmp_path / "one") as one, time_authority(tmp_path / "two") as two:
        roots = read_roots({each.url: str(each.root) for each in (one, two)})

        def both(minutes: int) -> Stamper:
            return Stamper(place.catalogue, place.store, TimeAuthorities(roots), Later(minutes), 2)

        two.spoil = lambda answer: answer[:-1]
        with pytest.raises(Unavailable, match=r"1 time authorities gave .* 2 are needed"):
            await both(0).run()
        assert not list((await log_of(place) / "stamps").glob("*"))
        two.spoil = bytes
        assert await both(5).run() is not None
        stamps = await log_of(place) / "stamps"
        tokens, queries = sorted(stamps.glob("21.*.tsr")), sorted(stamps.glob("21.*.tsq"))
        assert [path.stem for path in tokens] == [path.stem for path in queries]
        assert len(tokens) == 2
        command = ["openssl", "ts", "-query", "-in", str(queries[0]), "-text"]
        asked = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert "Nonce: 0x" in asked
        known = [each.root.read_bytes() for each in (one, two)]
        whole = verify_log(await log_of(place), key_of(place), roots=known).steps[-1]
        unlisted = (
            "whether the authority's certificate had been revoked: no revocation list or OCSP answer of "
            "that time is here"
        )
        assert ("2 tokens" in whole.proved, whole.not_checked) == (True, unlisted)
        part = verify_log(await log_of(place), key_of(place), roots=known[:1]).steps[-1]
        assert "1 tokens" in part.proved
        assert part.not_checked == f"1 tokens of authorities whose roots were not given; {unlisted}"


async def test_one_that_is_required_is_waited_for_whatever_others_say(place: Place, tmp_path: Path) -> None:
    with time_authority(tmp_path / "one") as one, time_authority(tmp_path / "two") as two:
        roots = read_roots({each.url: str(each.root) for each in (two, one)})

        def either(minutes: int) -> Stamper:
            asked = TimeAuthorities(roots)
            return Stamper(place.catalogue, place.store, asked, Later(minutes), 1, [two.url])

        two.spoil = lambda answer: answer[:-1]
        with pytest.raises(Unavailable, match=f"1 are needed, and {two.url} among them"):
            await either(0).run()
        assert not list((await log_of(place) / "stamps").glob("*"))
        with pytest.raises(Unavailable):
            await either(60 * 25).run()
        (alarm,) = await place.catalogue.read(lambda tx: tx.oversight.alarms())
        assert alarm.kind == "log-not-stamped"
        two.spoil, one.spoil = bytes, lambda answer: answer[:-1]
        stamp = await either(5).run()
        assert stamp is not None
        assert stamp.authority == two.url


async def test_a_token_under_another_policy_than_the_one_that_is_pinned_is_named(
    place: Place, tmp_path: Path
) -> None:
    with time_authority(tmp_path / "authority") as authority:
        assert await stamper(place, authority).run() is not None
        roots = [authority.root.read_bytes()]
        assert verify_log(await log_of(place), key_of(place), roots=roots, time_policies=["1.2.3.4.1"])
        # Where the root is not given nothing is known of it, and nothing said.
        assert verify_log(await log_of(place), key_of(place), time_policies=["1.2.3.4.2"])
        words = r"signed under the policy 1\.2\.3\.4\.1, and 1\.2\.3\.4\.2 is asked for"
        with pytest.raises(NotVerified, match=words):
            verify_log(await log_of(place), key_of(place), roots=roots, time_policies=["1.2.3.4.2"])
        own = str(VerifierKey(ORIGIN, ED25519, place.signer.note_key))
        for oid, holds in (("1.2.3.4.1", True), ("1.2.3.4.2", False)):
            pinned_file = parse_policy(policy_text(own, (), 0, [oid]).encode())
            if holds:
                assert verify_log(await log_of(place), pinned_file, roots=roots)
            else:
                with pytest.raises(NotVerified, match=words):
                    verify_log(await log_of(place), pinned_file, roots=roots)


async def test_an_imprint_may_be_sm3(place: Place, tmp_path: Path) -> None:
    with time_authority(tmp_path / "one") as one, time_authority(tmp_path / "two") as two:
        roots = read_roots({each.url: str(each.root) for each in (one, two)})
        asked = TimeAuthorities(roots, imprints={two.url: "sm3"})
        assert await Stamper(place.catalogue, place.store, asked, Still(), 2).run() is not None
        stamps, found = await log_of(place) / "stamps", {}
        for query in stamps.glob("*.tsq"):
            command = ["openssl", "ts", "-query", "-in", str(query), "-text"]
            text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            found[text.split("Hash Algorithm: ")[1].split()[0]] = query.with_suffix(".tsr")
        assert found.keys() == {"sha256", "sm3"}
        done = subprocess.run(
            ["openssl", "ts", "-verify", "-data", str(stamps / "21.checkpoint"), "-in", str(found["sm3"]),
             "-CAfile", str(two.root)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert "Verification: OK" in done.stdout
        for root in (one, two):
            step = verify_log(await log_of(place), key_of(place), roots=[root.root.read_bytes()]).steps[-1]
            assert "1 tokens" in step.proved
        with pytest.raises(NotVerified, match="does not prove"):
            token_time(found["sm3"].read_bytes(), b"x", TimeTrust((two.root.read_bytes(),)), "the token")
        real = two.answer

        def over_sha256(query: bytes) -> bytes:
            """The right nonce, and a digest that was not asked for."""
            command = ["openssl", "ts", "-query", "-in", "/dev/stdin", "-text"]
            text = subprocess.run(command, input=query, capture_output=True, check=True).stdout.decode()
            nonce = int(text.split("Nonce: ")[1].split()[0], 16)
            return real(encode_request("sha256", hashlib.sha256(b"x").digest(), nonce))

        assert len(await asked.stamp_all(b"x")) == 2
        two.answer = over_sha256  # type: ignore[method-assign]
        assert [each.authority for each in await asked.stamp_all(b"x")] == [one.url]


async def test_stamping_that_breaks_off_anywhere_leaves_a_log_that_is_proven(
    place: Place, tmp_path: Path
) -> None:
    with time_authority(tmp_path / "authority") as authority:
        roots = read_roots({authority.url: str(authority.root)})
        at, after, minutes = 1, False, 0
        while True:
            store: Any = Failing(place.store, at, after=after)
            minutes += 5
            try:
                await Stamper(place.catalogue, store, TimeAuthorities(roots), Later(minutes)).run()
            except Unavailable as error:
                assert error.code == "storage-error"
            else:
                break
            # The log goes on before anybody stamps it again, as it does when everything starts anew.
            await place.happen(1)
            await place.sequencer().run()
            verify_log(await log_of(place), key_of(place), roots=[authority.root.read_bytes()])
            at, after = (at + 1, False) if after else (at, True)
        assert at > 3
        known = [authority.root.read_bytes()]
        assert "tokens" in verify_log(await log_of(place), key_of(place), roots=known).steps[-1].proved


async def test_an_authority_that_does_not_answer_keeps_nothing_waiting(place: Place, tmp_path: Path) -> None:
    with time_authority(tmp_path / "authority") as authority:
        await stamper(place, authority).run()
        await place.happen(1)
        await place.sequencer().run()
        authority.spoil = lambda answer: answer[:-1]
        with pytest.raises(Unavailable) as error:
            await stamper(place, authority, 5).run()
        assert error.value.code == "no-trusted-time"
        assert await place.catalogue.read(lambda tx: tx.oversight.alarms()) == []
        with pytest.raises(Unavailable):
            await stamper(place, authority, 2 * 24 * 60).run()
        (alarm,) = await place.catalogue.read(lambda tx: tx.oversight.alarms())
        assert alarm.kind == "log-not-stamped"
    assert await Stamper(place.catalogue, place.store, None, Still()).run() is None


async def test_an_authority_that_never_answered_is_an_alarm_too(place: Place, tmp_path: Path) -> None:
    with time_authority(tmp_path / "authority") as authority:
        authority.spoil = lambda answer: answer[:-1]
        for days, raised in ((0, []), (2, ["log-not-stamped"])):
            with pytest.raises(Unavailable):
                await stamper(place, authority, days * 24 * 60).run()
            alarms = await place.catalogue.read(lambda tx: tx.oversight.alarms())
            assert [one.kind for one in alarms] == raised
