"""A key that was replaced: what it signed before stays proven, and what it signs after is not believed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from clients.verifier.heads import PinnedKey, pin_of, pinned
from clients.verifier.item_proof import verify_item_proof
from clients.verifier.keys import verified_chain
from clients.verifier.log import verify_log
from clients.verifier.receipt import NotVerified
from custody.key_files import PRIVATE, load_private, open_signer
from custody.proofs import Proofs
from custody.rotation import Keys, require_in_force
from custody.stamping import Stamper
from evidence.canonical import canonical
from evidence.disposal import TrustedTime
from evidence.errors import Unavailable
from evidence.ids import new_id
from identity.policy import RolePolicy
from tests.catalogues import CEPH_TOO
from tests.contract.test_custody_log import NOW, ORIGIN, Place, Still
from tests.contract.test_verify_log import ITEMS, log_of, proof_of

catalogues = CEPH_TOO


class Authority:
    """Signs any time, in words."""

    async def stamp_all(self, data: bytes) -> list[TrustedTime]:
        return [TrustedTime(new_id(NOW), b"a token over " + data[:9], "https://time.test", NOW, b"asked")]


@pytest.fixture
async def place(place: Place) -> Place:
    """The log tells of an item."""
    await place.happen(5, ITEMS[0])
    await place.sequencer().run()
    return place


def pin(place: Place) -> PinnedKey:
    return pinned(pin_of(ORIGIN, place.signer.note_key))


async def rotated(place: Place) -> PinnedKey:
    """The key before; `place` has the one after."""
    old = pin(place)
    keys = Keys(place.catalogue, place.store, place.base / "keys", Still(), ORIGIN)
    done = await keys.rotate("yearly")
    assert done.checkpoint is not None
    place.signer = open_signer(place.base / "keys")
    await require_in_force(place.catalogue, place.signer.note_key)
    return old


async def test_stamps_and_kept_proofs_of_the_old_key_hold_with_the_chain(place: Place) -> None:
    proof = await proof_of(place, ITEMS[0])
    assert await Stamper(place.catalogue, place.store, Authority(), Still()).run() is not None
    old = await rotated(place)
    await place.happen(2)
    await place.sequencer().run()
    served = Proofs(place.catalogue, RolePolicy(), Still(), place.signer.note_key)
    chain = verified_chain(json.loads(canonical(await served.keys())))
    for key in (old, pin(place)):
        report = verify_log(await log_of(place), chain.leads_from(key))
        assert report.steps[-1].proved == "the trees of 1 stamped checkpoints are beginnings of this one"
    for key in (old, pin(place)):
        with pytest.raises(NotVerified, match="not signed by"):
            verify_log(await log_of(place), key)
    (head, *_) = verify_item_proof(proof, chain.leads_from(pin(place)))
    assert "replaced since" in head.not_checked
    (head, *_) = verify_item_proof(await proof_of(place, ITEMS[0]), chain.leads_from(old))
    assert "replaced since" not in head.not_checked


async def test_a_key_that_the_log_knows_nothing_of_is_refused(place: Place, tmp_path: Path) -> None:
    other = open_signer(tmp_path / "other")
    for _ in range(2):
        with pytest.raises(Unavailable) as error:
            await require_in_force(place.catalogue, other.note_key)
        assert error.value.code == "key-unknown"
        old = await rotated(place)
        with pytest.raises(Unavailable):
            await require_in_force(place.catalogue, old.public.raw)
    # Nor does such a key name a recovery key.
    shutil.copy(tmp_path / "other" / PRIVATE, place.base / "keys" / PRIVATE)
    keys = Keys(place.catalogue, place.store, place.base / "keys", Still(), ORIGIN)
    with pytest.raises(Unavailable) as error:
        await keys.name_recovery(load_private(place.base / "keys" / PRIVATE))
    assert error.value.code == "key-unknown"
