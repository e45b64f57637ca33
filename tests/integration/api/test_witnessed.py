"""A receipt, and what is proven of an item, under a cosigned head, by the pinned policy alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from clients.verifier.policy import parse_policy, trusted_head
from custody.cosigning import Cosigning
from custody.notes import parse_key
from custos.cli import main
from custos.clock import SystemClock
from custos.witness_client import post
from evidence.agents import Role
from storage.objects.log_files import LogFiles
from tests.serving.client import Client
from tests.serving.inside import Inside, served_inside
from tests.serving.waiting import eventually
from tests.witnesses import ServedWitness, served_witness


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Inside]:
    """A server of its own, whose log has begun."""
    with served_inside(tmp_path / "data") as opened:
        opened.do(opened.services.sequencer.run())
        yield opened


@pytest.fixture
def witnesses(server: Inside, tmp_path: Path) -> Iterator[list[ServedWitness]]:
    log = parse_key(Client(server.url).get("/log/key").body.decode().strip())
    stack = AsyncExitStack()

    async def serve() -> list[ServedWitness]:
        return [
            await stack.enter_async_context(
                served_witness(tmp_path / name, f"{name}.test", [log], SystemClock())
            )
            for name in ("w1", "w2")
        ]

    yield server.do(serve())
    server.do(stack.aclose())


def cosigned(server: Inside, witnesses: list[ServedWitness]) -> None:
    """Everything that waits is in the log, and its head is cosigned by all of them."""
    while server.do(server.services.sequencer.run()).added:
        pass
    store = LogFiles(server.data / "store", server.services.store)  # type: ignore[arg-type]
    asked = [one.asked for one in witnesses]
    desk = Cosigning(server.services.catalogue, store, SystemClock(), asked, len(asked), post)
    assert len(server.do(desk.run())) == len(asked)


def test_a_receipt_and_the_pinned_policy_are_enough(
    server: Inside,
    witnesses: list[ServedWitness],
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    public, officer, supervisor = (
        Client(server.url),
        server.client(Role.OFFICER),
        server.client(Role.SUPERVISOR),
    )
    assert public.get("/log/witnessed").status == 404
    upload = officer.send(clip.read_bytes() + b"7", "a.mp4")

    def issued() -> str | None:
        answer = officer.get(f"{upload}/receipt")
        return answer.body.decode() if answer.status == 200 else None

    receipt = eventually(issued, "there is a receipt")
    item = officer.get(upload).json()["item"]
    while server.do(server.services.sequencer.run()).added:
        pass
    # In the log, and not yet under a head that anybody has witnessed.
    assert officer.get(f"{upload}/receipt/proof").status == 200
    early = officer.get(f"{upload}/receipt/proof?head=witnessed")
    assert (early.status, early.code) == (404, "not-yet")
    assert supervisor.get(f"/items/{item}/proofs?head=witnessed").json()["events"] == []
    cosigned(server, witnesses)
    proofs = {
        "receipt.json": officer.get(f"{upload}/receipt/proof?head=witnessed").body,
        "item.json": supervisor.get(f"/items/{item}/proofs?head=witnessed").body,
        "newest.json": officer.get(f"{upload}/receipt/proof").body,
        "a.mp4": clip.read_bytes() + b"7",
        "a.jws": receipt.encode(),
    }
    for name, data in proofs.items():
        (tmp_path / name).write_bytes(data)
    nothing = officer.get("/items/00000000-0000-7000-8000-000000000000/proofs?head=witnessed")
    for client in (officer, server.client(Role.REVIEWER, "south")):
        denied = client.get(f"/items/{item}/proofs?head=witnessed")
        assert (denied.status, denied.body) == (404, nothing.body)
    for path in (f"{upload}/receipt/proof?head=newest", f"{upload}/receipt/proof?head="):
        assert officer.get(path).code == "bad-head"

    monkeypatch.setenv("CUSTOS_DATA", str(server.data))
    monkeypatch.setenv("CUSTOS_PROTECTION__IMMUTABLE", "false")
    monkeypatch.setenv(
        "CUSTOS_CUSTODY__WITNESSES", json.dumps({str(one.witness.key): one.url for one in witnesses})
    )
    monkeypatch.setenv("CUSTOS_CUSTODY__WITNESSES_NEEDED", "2")
    assert main(["log", "policy"]) == 0
    policy = tmp_path / "policy"
    policy.write_text(capsys.readouterr().out)
    head = trusted_head(public.get("/log/witnessed").body.decode(), parse_policy(policy.read_bytes()))
    assert [one.witness for one in head.cosigned] == ["w1.test", "w2.test"]
    assert abs((head.cosigned[0].at - datetime.now(UTC)).total_seconds()) < 3600

    monkeypatch.setenv("CUSTOS_DATA", str(tmp_path / "elsewhere"))
    file, jws, pinned = (str(tmp_path / name) for name in ("a.mp4", "a.jws", "policy"))
    check = ["verify", "receipt", file, jws, "--policy", pinned, "--proof"]
    assert main([*check, str(tmp_path / "receipt.json")]) == 0
    said = capsys.readouterr().out
    assert "witnessed   by w1.test at 20" in said
    assert "witnessed   by w2.test at 20" in said
    # The newest head has the log's signature alone.
    assert main([*check, str(tmp_path / "newest.json")]) == 1
    assert "quorum has not cosigned" in capsys.readouterr().out
    assert "two halves" not in said
    one_of_two = tmp_path / "weak"
    one_of_two.write_text(policy.read_text().replace("group witnesses 2", "group witnesses any"))
    assert main([*check, str(tmp_path / "receipt.json"), "--policy", str(one_of_two)]) == 0
    assert "not shown   that no other tree meets this policy: two halves" in capsys.readouterr().out
    assert main(["verify", "log", str(server.data / "store"), "--policy", str(one_of_two)]) == 0
    assert "two halves" in capsys.readouterr().out
    assert main([*check[:-1]]) == 2
    assert main([*check, str(tmp_path / "receipt.json"), "--log-key", "a+b+c"]) == 2
    capsys.readouterr()
    assert main(["verify", "proofs", str(tmp_path / "item.json"), "--policy", pinned]) == 0
    assert "w1.test at 20" in capsys.readouterr().out
    assert main(["verify", "proofs", str(tmp_path / "item.json"), "--policy", pinned, "--key", "k"]) == 2

    store = str(server.data / "store")
    assert main(["verify", "log", store, "--policy", pinned]) == 0
    assert "7. witnesses: the first " in capsys.readouterr().out
    witnessed = server.data / "store" / "objects" / "log" / "witnessed"
    good = witnessed.read_bytes()
    for data in (good[:-40] + b"\n", None):
        witnessed.unlink() if data is None else witnessed.write_bytes(data)
        assert main(["verify", "log", store, "--policy", pinned]) == 1
    witnessed.write_bytes(good)
    policy.write_bytes(policy.read_bytes().replace(b"quorum witnesses", b"quorum nobody"))
    assert main(["verify", "log", store, "--policy", pinned]) == 1
    assert "line 9 of the policy" in capsys.readouterr().out
