"""What a witness keeps: read back by whoever asks next, on a disk that fails, and after it forgot."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from clients.verifier.forks import require_one_tree
from clients.verifier.heads import pinned
from clients.verifier.receipt import NotVerified
from custody.notes import ED25519, VerifierKey, parse_key, parse_note, require_signed
from custody.witness import Cosigned, open_witness
from custos.witness_client import post
from evidence.errors import Invalid, Unavailable
from tests.unit.custody.test_witnessing import KEY, TREES
from tests.witnesses import Later, served_witness


@pytest.fixture
def clock() -> Later:
    return Later()


async def test_many_at_once_on_two_branches_end_on_one(clock: Later, tmp_path: Path) -> None:
    witness = open_witness(tmp_path / "w", "w.test", [KEY], clock)
    asked = [(tree, size) for size in range(8, 20) for tree in (TREES[1], TREES[4])]
    answers = await asyncio.gather(
        *(asyncio.to_thread(witness.add, str(tree.asks(0, size))) for tree, size in asked)
    )
    agreed = [one for one, answer in zip(asked, answers, strict=True) if isinstance(answer, Cosigned)]
    assert len(agreed) == 1
    tree, size = agreed[0]
    assert witness.checkpoint(hashlib.sha256(KEY.name.encode()).hexdigest()) is not None
    (head,) = (tmp_path / "w" / "heads").iterdir()
    assert head.read_text().startswith(tree.note(size))


async def test_a_witness_that_forgot_signs_a_second_branch_and_its_own_signatures_tell(
    clock: Later, tmp_path: Path
) -> None:
    """What docs/witness.md warns of: why there is more than one, and why it is not put back lightly."""
    witness = open_witness(tmp_path / "w", "w.test", [KEY], clock)
    witness.add(str(TREES[0].asks(0, 6)))
    shutil.copytree(tmp_path / "w", tmp_path / "put back")
    forgetful = open_witness(tmp_path / "put back", None, [KEY], clock)
    notes = []
    for one, tree in ((witness, TREES[0]), (forgetful, TREES[1])):
        assert isinstance(one.add(str(tree.asks(6, 9))), Cosigned)
        (head,) = (one._directory / "heads").iterdir()
        notes.append(head.read_text())
        require_signed(parse_note(notes[-1]), witness.key)
    with pytest.raises(NotVerified, match="FORKED: two trees of 9 leaves"):
        require_one_tree(*notes, (), pinned(str(KEY)))


async def test_what_cannot_be_kept_is_not_cosigned(clock: Later, tmp_path: Path) -> None:
    async with served_witness(tmp_path / "w", "w.test", [KEY], clock) as served:
        heads = tmp_path / "w" / "heads"
        heads.rmdir()
        # Nothing can be written below a file.
        heads.write_bytes(b"")
        url, request = f"{served.url}/add-checkpoint", str(TREES[0].asks(0, 5)).encode()
        answer = await post(url, request)
        assert (answer.status, answer.text) == (503, "This witness cannot answer; its own log says why.\n")
        heads.unlink()
        heads.mkdir()
        answer = await post(url, request)
        assert answer.status == 200
        # What monitors read: the log's signature and the witness'.
        name = hashlib.sha256(KEY.name.encode()).hexdigest()
        shown = await asyncio.to_thread(
            lambda: urllib.request.urlopen(f"{served.url}/{name}/checkpoint").read().decode()
        )
        assert shown == TREES[0].note(5) + answer.text


async def test_a_witness_with_a_damaged_state_does_not_begin_anew(clock: Later, tmp_path: Path) -> None:
    async with served_witness(tmp_path / "w", "w.test", [KEY], clock) as served:
        url = f"{served.url}/add-checkpoint"
        assert isinstance(served.witness.add(str(TREES[0].asks(0, 5))), Cosigned)
        (path,) = (tmp_path / "w" / "heads").iterdir()
        good = path.read_bytes()
        for data in (b"", good[:50], good.replace(b"\n5\n", b"\n4\n"), b"\xff"):
            path.write_bytes(data)
            with pytest.raises(Unavailable) as error:
                served.witness.add(str(TREES[0].asks(0, 9)))
            assert error.value.code == "bad-witness-state"
            assert (await post(url, str(TREES[0].asks(0, 9)).encode())).status == 503
        # What cannot be read at all is no defect of the server either.
        with pytest.raises(urllib.error.HTTPError, match="503"):
            await asyncio.to_thread(urllib.request.urlopen, f"{served.url}/{path.stem}/checkpoint")
        path.write_bytes(good)
        assert (await post(url, str(TREES[0].asks(5, 9)).encode())).status == 200


async def test_a_witness_has_one_name_and_one_key(clock: Later, tmp_path: Path) -> None:
    logs = [KEY]
    with pytest.raises(Invalid) as error:
        open_witness(tmp_path / "w", None, logs, clock)
    assert error.value.code == "no-name"
    with pytest.raises(Invalid):
        open_witness(tmp_path / "w", "a b", logs, clock)
    key = open_witness(tmp_path / "w", "w.test", logs, clock).key
    assert open_witness(tmp_path / "w", None, logs, clock).key == key
    assert parse_key(str(key)) == key
    with pytest.raises(Invalid) as error:
        open_witness(tmp_path / "w", "v.test", logs, clock)
    assert error.value.code == "other-name"
    assert (tmp_path / "w" / "keys" / "signing-key.pem").stat().st_mode & 0o777 == 0o600
    own = VerifierKey("own.test", ED25519, key.public)
    with pytest.raises(Invalid) as error:
        open_witness(tmp_path / "w", None, [own], clock)
    assert error.value.code == "own-key"
