"""The log as anybody may check it, and what is proven of an item to whoever may see its history."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clients.verifier.heads import pinned
from clients.verifier.keys import verified_chain
from clients.verifier.receipt import NotVerified
from clients.verifier.receipt_proof import verify_receipt_proof
from custody.notes import parse_checkpoint, parse_key, parse_note, parse_tlog_proof, require_signed
from custody.tree import require_consistent, root_by_inclusion
from custos.cli import main
from evidence.agents import Role
from evidence.leaf import leaf_hash
from tests.serving.client import Client, statement
from tests.serving.inside import Inside, served_inside
from tests.serving.waiting import eventually


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Inside]:
    """A server of its own: its log is counted."""
    with served_inside(tmp_path / "data") as opened:
        yield opened


def sequenced(server: Inside) -> int:
    """Everything that waits is in the log; its size."""
    while server.do(server.services.sequencer.run()).added:
        pass
    return parse_checkpoint(parse_note(Client(server.url).get("/log/checkpoint").body.decode()).text).size


def proven(server: Inside, client: Client, item: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/items/{item}/proofs").json()
    return found


def test_before_there_is_a_log_nothing_is_there(server: Inside) -> None:
    for path in (
        "/log/checkpoint",
        "/log/key",
        "/log/keys",
        "/log/tile/0/000.p/1",
        "/log/consistency?old=0&new=0",
    ):
        assert Client(server.url).get(path).status == 404


def test_every_event_of_an_item_is_proven_to_whoever_may_see_them(server: Inside, clip: Path) -> None:
    supervisor = server.client(Role.SUPERVISOR)
    item = supervisor.kept(clip.read_bytes() + b"1", "a.mp4", officer="李明")
    supervisor.get(f"/items/{item}/original")
    sequenced(server)
    history = supervisor.get(f"/items/{item}/history").json()["events"]
    found = proven(server, supervisor, item)
    key = parse_key(Client(server.url).get("/log/key").body.decode().strip())
    assert found["key"] == str(key)
    chain = verified_chain(Client(server.url).get("/log/keys").json())
    assert chain.leads_from(pinned(str(key))).earlier == ()
    # Looking at the history and at the proofs happened after.
    assert found["waiting"] == 2
    leaves = [json.loads(one["leaf"]) for one in found["events"]]
    assert [leaf["event"] for leaf in leaves] == [line["event"] for line in history][: len(leaves)]
    for one, leaf in zip(found["events"], leaves, strict=True):
        index, proof, checkpoint = parse_tlog_proof(one["proof"])
        note = parse_note(checkpoint)
        require_signed(note, key)
        head = parse_checkpoint(note.text)
        assert root_by_inclusion(index, head.size, leaf_hash(one["leaf"].encode()), proof) == head.root
        made = hashlib.sha256(bytes.fromhex(one["salt"]) + one["detail"].encode()).hexdigest()
        assert made == leaf["event"]["detail"]
        # What is locked for ever names nobody.
        assert "李明" not in one["leaf"]
    places = [link["seq"] for leaf in leaves for link in leaf["chains"] if link["subject"] == item]
    assert places == [*range(len(leaves))]
    sequenced(server)
    # Only the event of this very answer is not in the log yet.
    assert proven(server, supervisor, item)["waiting"] == 1


def test_whoever_holds_a_receipt_gets_its_place_in_the_log(
    server: Inside, clip: Path, tmp_path: Path
) -> None:
    officer = server.client(Role.OFFICER)
    upload = officer.send(clip.read_bytes() + b"3", "a.mp4")

    def issued() -> str | None:
        answer = officer.get(f"{upload}/receipt")
        return answer.body.decode() if answer.status == 200 else None

    receipt = eventually(issued, "there is a receipt")
    early = officer.get(f"{upload}/receipt/proof")
    assert (early.status, early.code) == (404, "not-yet")
    sequenced(server)
    document = officer.get(f"{upload}/receipt/proof").json()
    key = Client(server.url).get("/log/key").body.decode().strip()
    assert document["key"] == key
    said = statement(receipt)
    assert verify_receipt_proof(said, document, pinned(key)).size > 5
    for change, words in (
        (("leaf", document["leaf"].replace("item.ingested", "item.ingestee")), "not that of the event"),
        (("leaf", document["leaf"].replace('"seq":0', '"seq":1')), "not in the signed tree"),
        (("proof", document["proof"].replace("index ", "index 1")), "proof|outside|tree"),
        (("v", "custos/receipt-proof/2"), "version 1"),
        (("leaf", "{}"), "not one of version 1"),
    ):
        with pytest.raises(NotVerified, match=words):
            verify_receipt_proof(said, {**document, change[0]: change[1]}, pinned(key))
    with pytest.raises(NotVerified, match="not that of the event"):
        verify_receipt_proof({**said, "event_digest": "0" * 64}, document, pinned(key))
    for name, data in (
        ("a.mp4", clip.read_bytes() + b"3"), ("r.jws", receipt.encode()),
        ("p.json", json.dumps(document).encode()),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(data)
    public = server.data / "keys" / "signing-key.pub.pem"
    arguments = [
        "verify",
        "receipt",
        *(str(tmp_path / name) for name in ("a.mp4", "r.jws")),
        "--key",
        str(public),
    ]
    proof = ["--proof", str(tmp_path / "p.json")]
    assert main([*arguments, *proof, "--log-key", key]) == 0
    assert main([*arguments, *proof]) == 2
    (tmp_path / "p.json").write_text(json.dumps({**document, "leaf": "{}"}))
    assert main([*arguments, *proof, "--log-key", key]) == 1


def test_a_larger_tree_begins_with_a_smaller_one(server: Inside) -> None:
    public, supervisor = Client(server.url), server.client(Role.SUPERVISOR)
    heads = []
    for _ in range(3):
        for _ in range(5):
            supervisor.get("/items")
        sequenced(server)
        heads.append(parse_checkpoint(parse_note(public.get("/log/checkpoint").body.decode()).text))
    for old, new in ((0, 1), (0, 2), (1, 2), (2, 2)):
        answer = public.get(f"/log/consistency?old={heads[old].size}&new={heads[new].size}").json()
        proof = [base64.b64decode(one) for one in answer["proof"]]
        require_consistent(heads[old].size, heads[old].root, heads[new].size, heads[new].root, proof)
    for query in ("old=2&new=1", f"old=0&new={heads[2].size + 1}", "old=a&new=1", "new=1"):
        assert public.get(f"/log/consistency?{query}").code == "bad-sizes"


def test_anybody_sees_hashes_and_nobody_entries(server: Inside) -> None:
    public = Client(server.url)
    server.client(Role.SUPERVISOR).get("/items")
    size = sequenced(server)
    data = public.get(f"/log/tile/0/000.p/{size}").body
    assert len(data) == size * 32
    assert public.get("/log/tile/0/000.p/1").body == data[:32]
    for path in (
        f"0/000.p/{size + 1}", "0/001.p/1", "1/000.p/1", "0/0", "entries/000.p/1", "-1/000.p/1",
        "0/..%2F000", "0/000",
    ):  # fmt: skip
        assert public.get(f"/log/tile/{path}").status == 404, path


def test_who_may_not_see_the_history_is_told_nothing_of_proofs(server: Inside, clip: Path) -> None:
    officer = server.client(Role.OFFICER)
    item = officer.kept(clip.read_bytes() + b"2", "a.mp4")
    sequenced(server)
    nothing = officer.get("/items/00000000-0000-7000-8000-000000000000/proofs")
    for client in (officer, server.client(Role.REVIEWER, "south")):
        answer = client.get(f"/items/{item}/proofs")
        assert (answer.status, answer.body) == (404, nothing.body)
    assert server.client(Role.AUDITOR, "south").get(f"/items/{item}/proofs").status == 200
    assert Client(server.url).get(f"/items/{item}/proofs").status == 401
