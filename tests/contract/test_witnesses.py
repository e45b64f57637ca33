"""A real log and real witnesses over HTTP: heads are cosigned, forks are refused and proven."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from clients.verifier.forks import require_one_tree, verify_fork
from clients.verifier.heads import pin_of, pinned
from clients.verifier.log import verify_log
from clients.verifier.policy import parse_policy
from clients.verifier.receipt import NotVerified
from custody.asking import WitnessAnswer
from custody.cosigning import AskedWitness, Cosigning
from custody.key_files import open_signer
from custody.notes import (
    ED25519,
    VerifierKey,
    parse_checkpoint,
    parse_note,
    require_signed,
)
from custody.policies import policy_text
from custody.witness import forks_in
from custos.keeping_sections import ProtectionSettings
from custos.log_keeper import keep_log, open_sequencer, witness_log
from custos.sections import CustodySettings
from custos.settings import Settings
from custos.witness_client import post
from evidence.ports.log import Witnessed
from tests.catalogues import OVER_BOTH, SQLITE_FIRST_CEPH_TOO
from tests.contract.test_custody_log import NOW, ORIGIN, Place, opened
from tests.contract.test_verify_log import log_of
from tests.serving.waiting import PATIENCE_SECONDS
from tests.witnesses import Later, ServedWitness, served_witness

catalogues = SQLITE_FIRST_CEPH_TOO


@pytest.fixture
def clock() -> Later:
    return Later()


@pytest.fixture
async def place(place: Place) -> Place:
    """The log has a head."""
    await place.happen(4)
    await place.sequencer().run()
    return place


def log_key(place: Place) -> VerifierKey:
    return VerifierKey(ORIGIN, ED25519, place.signer.note_key)


@pytest.fixture
async def witnesses(place: Place, clock: Later, tmp_path: Path) -> AsyncIterator[list[ServedWitness]]:
    async with (
        served_witness(tmp_path / "w1", "w1.test", [log_key(place)], clock) as one,
        served_witness(tmp_path / "w2", "w2.test", [log_key(place)], clock) as two,
    ):
        yield [one, two]


def cosigning(place: Place, clock: Later, needed: int, *asked: AskedWitness) -> Cosigning:
    return Cosigning(place.catalogue, place.store, clock, asked, needed, post)


async def published(place: Place) -> str:
    head = await place.catalogue.read(lambda tx: tx.log.head())
    assert head is not None
    return head.checkpoint


async def alarms(place: Place) -> list[tuple[str, str]]:
    return [(one.kind, one.subject) for one in await place.catalogue.read(lambda tx: tx.oversight.alarms())]


async def grows(place: Place, count: int) -> None:
    await place.happen(count)
    await place.sequencer().run()


async def test_each_new_head_is_cosigned_by_all_and_kept_with_their_signatures(
    place: Place, clock: Later, witnesses: list[ServedWitness]
) -> None:
    one, two = (each.asked for each in witnesses)
    desk = cosigning(place, clock, 2, one, two)
    for count in (0, 1, 3, 300):
        if count:
            await grows(place, count)
        assert await desk.run() == [one.key, two.key]
        found = await place.catalogue.read(lambda tx: tx.log.witnessed())
        assert found is not None
        note = parse_note(found.checkpoint)
        head = await published(place)
        assert note.text == parse_note(head).text
        for key in (one.key, two.key):
            assert require_signed(note, key) == int(NOW.timestamp())
        require_signed(note, log_key(place))
        assert (await place.store.read("witnessed")) == found.checkpoint.encode()
        # Nothing is asked twice.
        assert await desk.run() == []
    assert parse_checkpoint(note.text).size == 309
    assert await alarms(place) == []


async def test_a_head_is_witnessed_once_enough_have_cosigned_it(
    place: Place, clock: Later, witnesses: list[ServedWitness]
) -> None:
    both = [each.asked for each in witnesses]
    witnesses[1].spoil = 503
    strict, mild = (cosigning(place, clock, needed, *both) for needed in (2, 1))
    await strict.run()
    assert await place.catalogue.read(lambda tx: tx.log.witnessed()) is None
    await grows(place, 1)
    await mild.run()
    first = await place.catalogue.read(lambda tx: tx.log.witnessed())
    assert first is not None
    assert len(parse_note(first.checkpoint).signatures) == 2
    # The other one comes back, and its signature of the same head is added.
    witnesses[1].spoil = None
    clock.ahead = timedelta(seconds=31)
    assert await mild.run() == [both[1].key]
    second = await place.catalogue.read(lambda tx: tx.log.witnessed())
    assert second is not None
    assert second.size == first.size
    assert len(parse_note(second.checkpoint).signatures) == 3


async def test_signatures_of_two_heads_make_neither_witnessed(
    place: Place, clock: Later, witnesses: list[ServedWitness]
) -> None:
    desk = cosigning(place, clock, 2, *(each.asked for each in witnesses))
    for silent in (1, 0):
        witnesses[silent].spoil, witnesses[1 - silent].spoil = 503, None
        await desk.run()
        clock.ahead += timedelta(minutes=1)
        await grows(place, 1)
    assert await place.catalogue.read(lambda tx: tx.log.witnessed()) is None


async def test_a_slow_round_does_not_put_an_older_head_in_the_place_of_a_newer(
    place: Place, clock: Later, witnesses: list[ServedWitness]
) -> None:
    newer = Witnessed(99, await published(place))
    await place.catalogue.write(lambda tx: tx.log.keep_witnessed(newer))
    asked = witnesses[0].asked
    assert await cosigning(place, clock, 1, asked).run() == [asked.key]
    assert await place.catalogue.read(lambda tx: tx.log.witnessed()) == newer


async def test_a_witness_that_refuses_is_not_silent(
    place: Place, clock: Later, witnesses: list[ServedWitness]
) -> None:
    for minutes, status in ((0, 500), (30, 422), (61, 500)):
        clock.ahead, witnesses[0].spoil = timedelta(minutes=minutes), status
        assert await cosigning(place, clock, 1, witnesses[0].asked).run() == []
    assert await alarms(place) == [("log-witness-disagrees", "w1.test")]


async def test_what_a_crash_left_between_catalogue_and_store_is_done_again(
    place: Place, clock: Later, witnesses: list[ServedWitness]
) -> None:
    asked = witnesses[0].asked
    await cosigning(place, clock, 1, asked).run()
    await place.store.replace("witnessed", b"older")
    await cosigning(place, clock, 1, asked).run()
    found = await place.catalogue.read(lambda tx: tx.log.witnessed())
    assert found is not None
    assert await place.store.read("witnessed") == found.checkpoint.encode()


async def test_a_witness_that_is_silent_for_an_hour_is_an_alarm_once(
    place: Place, clock: Later, witnesses: list[ServedWitness]
) -> None:
    nobody = AskedWitness(witnesses[1].asked.key, "http://127.0.0.1:1")
    await cosigning(place, clock, 1, nobody).run()
    for ahead, raised in (
        (timedelta(minutes=59), []),
        (timedelta(minutes=61), [("log-not-witnessed", "w2.test")]),
        (timedelta(minutes=62), [("log-not-witnessed", "w2.test")]),
    ):
        clock.ahead = ahead
        # Also by one that was started anew meanwhile.
        await cosigning(place, clock, 1, nobody).run()
        assert await alarms(place) == raised
    # It answers: silence counts from its next failure.
    await cosigning(place, clock, 1, witnesses[1].asked).run()
    await place.catalogue.write(
        lambda tx: tx.oversight.clear_alarm("log-not-witnessed", "w2.test", clock.now())
    )
    await grows(place, 1)
    await cosigning(place, clock, 1, nobody).run()
    assert await alarms(place) == []


async def test_a_silent_witness_rests_and_does_not_slow_the_others(
    place: Place, clock: Later, witnesses: list[ServedWitness]
) -> None:
    witnesses[1].spoil = 500
    desk = cosigning(place, clock, 1, *(each.asked for each in witnesses))
    await desk.run()
    witnesses[1].spoil = None
    for ahead, answered in ((29, [0]), (31, [0, 1])):
        clock.ahead = timedelta(seconds=ahead)
        await grows(place, 1)
        assert await desk.run() == [witnesses[each].asked.key for each in answered]


@OVER_BOTH
async def test_two_witnesses_each_cosign_one_branch_and_comparing_them_proves_it(
    place: Place, clock: Later, witnesses: list[ServedWitness], tmp_path: Path
) -> None:
    one, two = witnesses
    await cosigning(place, clock, 1, one.asked, two.asked).run()
    shutil.copytree(place.base / "keys", tmp_path / "there" / "keys")
    async with opened(tmp_path / "there") as other:
        await grows(other, 8)
        await grows(place, 4)
        await cosigning(place, clock, 1, one.asked).run()
        # The second witness is new: it never saw the first branch.
        async with served_witness(tmp_path / "w3", "w3.test", [log_key(place)], clock) as three:
            assert await cosigning(other, clock, 1, three.asked).run() == [three.asked.key]
            heads = [_kept(each) for each in (one, three)]
        with pytest.raises(NotVerified, match="FORKED: two trees of 9 leaves"):
            require_one_tree(heads[0], heads[1], (), pinned(pin_of(ORIGIN, place.signer.note_key)))
        await place.store.replace("witnessed", (await other.store.read("witnessed")) or b"")
        policy = parse_policy(policy_text(str(log_key(place)), [three.asked.key], 1).encode())
        with pytest.raises(NotVerified, match="the witnesses cosigned another tree than this one"):
            verify_log(await log_of(place), policy)
        # To the first the other branch is shown in vain: refused, kept, and proven by the verifier alone.
        assert await cosigning(other, clock, 1, one.asked).run() == []
        assert await alarms(other) == [("log-witness-disagrees", "w1.test")]
        (path,) = forks_in(one.directory)
        document = json.loads(path.read_bytes())
        key = pinned(pin_of(ORIGIN, place.signer.note_key))
        assert "signed two trees of 9 leaves each" in verify_fork(document, [key])
        # Asked again it keeps no second proof of the same.
        clock.ahead = timedelta(minutes=5)
        await cosigning(other, clock, 1, one.asked).run()
        assert forks_in(one.directory) == [path]
        # And a larger head of that branch is refused as well, with the proof of where it leaves the other.
        await grows(other, 6)
        await cosigning(other, clock, 1, one.asked).run()
        larger = [json.loads(each.read_bytes()) for each in forks_in(one.directory) if each != path]
        # The alarm is in that log too.
        assert "and one of 16 leaves that does not begin with it" in verify_fork(larger[0], [key])
    await grows(place, 1)
    assert await cosigning(place, clock, 1, one.asked).run() == [one.asked.key]
    assert await alarms(place) == []


def _kept(served: ServedWitness) -> str:
    (head,) = (served.directory / "heads").iterdir()
    return head.read_text()


async def test_a_catalogue_and_store_put_back_together_are_told_by_the_witness(
    place: Place, clock: Later, witnesses: list[ServedWitness], tmp_path: Path
) -> None:
    # The same log's beginning, in one directory with its catalogue.
    whole = tmp_path / "whole"
    shutil.copytree(place.base / "keys", whole / "keys")
    async with opened(whole) as one:
        await grows(one, 4)
        await cosigning(one, clock, 1, witnesses[0].asked).run()
        shutil.copytree(whole, tmp_path / "backup")
        await grows(one, 10)
        await cosigning(one, clock, 1, witnesses[0].asked).run()
    async with opened(tmp_path / "backup") as back:
        await back.happen(1)
        # Nothing in the installation itself can tell.
        await back.sequencer().run()
        assert await cosigning(back, clock, 1, witnesses[0].asked).run() == []
        assert await alarms(back) == [("log-witness-disagrees", "w1.test")]
        (alarm,) = await back.catalogue.read(lambda tx: tx.oversight.alarms())
        assert "has cosigned a tree of 15 leaves" in alarm.message


async def test_a_witness_put_back_from_a_backup_says_where_it_stands_and_goes_on(
    place: Place, clock: Later, witnesses: list[ServedWitness], tmp_path: Path
) -> None:
    asked = witnesses[0].asked
    await cosigning(place, clock, 1, asked).run()
    heads = witnesses[0].directory / "heads"
    shutil.copytree(heads, tmp_path / "backup")
    await grows(place, 7)
    await cosigning(place, clock, 1, asked).run()
    for older in (tmp_path / "backup", None):
        shutil.rmtree(heads)
        if older is None:
            heads.mkdir()
        else:
            shutil.copytree(older, heads)
        await grows(place, 3)
        assert await cosigning(place, clock, 1, asked).run() == [asked.key]
    assert await alarms(place) == []


async def test_the_process_that_keeps_the_log_has_it_witnessed(tmp_path: Path, clock: Later) -> None:
    data = tmp_path / "data"
    signer = open_signer(data / "keys")
    log = VerifierKey(ORIGIN, ED25519, signer.note_key)
    async with served_witness(tmp_path / "w", "w.test", [log], clock) as served:
        settings = Settings(
            data=data,
            protection=ProtectionSettings(immutable=False),
            custody=CustodySettings(origin=ORIGIN, witnesses={str(served.witness.key): served.url}),
        )
        stop = asyncio.Event()
        async with open_sequencer(settings) as kept:
            sequencer, cosigning = kept.sequencer, kept.cosigning
            witnessed = data / "store" / "objects" / "log" / "witnessed"

            async def watch() -> None:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while not witnessed.exists():
                        await asyncio.sleep(0.01)
                stop.set()

            await asyncio.gather(keep_log(sequencer, stop), witness_log(cosigning, stop), watch())
        note = parse_note(witnessed.read_text())
        require_signed(note, served.witness.key)
        require_signed(note, log)


async def test_what_is_no_cosignature_of_this_witness_is_not_kept(
    place: Place, clock: Later, witnesses: list[ServedWitness]
) -> None:
    one, two = (each.asked for each in witnesses)
    desk = cosigning(place, clock, 1, AskedWitness(one.key, two.url))
    assert await desk.run() == []
    assert await place.catalogue.read(lambda tx: tx.log.witnessed()) is None
    states = await place.catalogue.read(lambda tx: tx.log.witnesses())
    assert states[str(one.key)].checkpoint == ""


async def test_a_witness_that_lies_in_any_way_raises_an_alarm_at_most(
    place: Place, clock: Later, witnesses: list[ServedWitness]
) -> None:
    witness = witnesses[0].witness
    text = parse_note(await published(place)).text

    def line(at: int) -> str:
        return str(witness._signer.cosign_note(text, "w1.test", at))

    for number, (status, said, stands_at) in enumerate(
        (
            (200, "", None),
            (200, "\n", None),
            (200, "— w1.test AAAA\n", None),
            (200, line(0), None),
            (200, line(2**63 - 1), None),
            (200, f"{line(1)}\n{line(1)}", None),
            (200, line(1).replace("w1.test", "w2.test"), None),
            (200, f"{text}\n{line(1)}", None),
            (409, "2", "2"),
            (409, "x", "x"),
            (409, "9" * 5000, "9" * 5000),
            (301, "", None),
            (500, "\x1b[2J", None),
        )
    ):

        async def answer(_url: str, _body: bytes) -> WitnessAnswer:
            return WitnessAnswer(status, said, stands_at)  # noqa: B023  it is called in this round

        desk = Cosigning(place.catalogue, place.store, clock, [witnesses[0].asked], 1, answer)
        clock.ahead = timedelta(seconds=number)
        assert await desk.run() == [], said
    assert await alarms(place) == []
    clock.ahead = timedelta(hours=2)
    await desk.run()
    (alarm,) = await place.catalogue.read(lambda tx: tx.oversight.alarms())
    assert "status 500: [2J" in alarm.message
    assert await place.catalogue.read(lambda tx: tx.log.witnessed()) is None
