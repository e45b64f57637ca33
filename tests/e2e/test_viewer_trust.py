"""What an export's page checks of witnesses, of keys that took over, and of time, in Chromium."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from clients.verifier.export import verify_export
from clients.verifier.heads import pinned
from clients.verifier.policy import parse_policy
from custody.embedded_time import open_embedded
from tests.e2e.export_desk import CLOCK, Desk, kinds
from tests.e2e.test_export_viewer import look, page
from tests.serving.forging import bent, rebag
from tests.serving.resigning import cosign, log_pin, private, renote, rotate, statement, witness_pin
from tests.time_authority import TimeAuthority

AT = 1_796_000_000
COURT, OFFICE = ("court.example/w1", private(4)), ("procuratorate.example/w1", private(5))


def policy(desk: Desk, *quorum: str) -> str:
    """A policy of both witnesses, as a file."""
    lines = [f"log {desk.key}"]
    lines += [f"witness {name} {witness_pin(name, key)}" for name, key in (COURT, OFFICE)]
    lines += [*(quorum or ("group both 2 court.example/w1 procuratorate.example/w1", "quorum both")), ""]
    path = desk.place / f"policy{len(list(desk.place.glob('policy*')))}"
    path.write_text("\n".join(lines))
    return str(path)


def test_cosignatures_hold_by_the_policy_that_was_pinned(desk: Desk) -> None:
    both, one, bent_one = (desk.copy(name) for name in ("both", "one", "bent"))
    cosign(both, [COURT, OFFICE], AT)
    cosign(one, [COURT], AT)
    cosign(bent_one, [COURT, OFFICE], AT)
    note = (bent_one / "custody/checkpoint").read_text()
    mine = note.splitlines()[-1]
    renote(bent_one, note.replace(mine, bent(mine)))
    any_one = policy(desk, "group any any court.example/w1 procuratorate.example/w1", "quorum any")
    keys = "\n".join([desk.key, *(witness_pin(name, key) for name, key in (COURT, OFFICE))])
    asked_of = policy(desk)
    # The verifier says the same of what was made here.
    trusted = parse_policy(Path(asked_of).read_bytes())
    said = {step.title: step.proved for step in verify_export(both, trusted)}
    assert "procuratorate.example/w1 at 2026" in said["signature of the head"]
    met, unmet, weak, forged, pasted, broken = look(
        [
            page(both, policy=asked_of),
            page(one, policy=asked_of),
            page(one, policy=any_one),
            page(bent_one, policy=asked_of),
            page(both, key=keys),
            page(both, key=f"log {desk.key}\nquorum nobody"),
        ]
    )
    for found in (met, pasted):
        assert found["verdict"] == "verified"
        assert "court.example/w1（其自有时钟 2026-11-30 00:53:20 UTC）" in kinds(found, "good")[0]
        assert not any("他人所见" in text for text in kinds(found, "open"))
    assert "the policy's quorum has not cosigned this head: court.example/w1 did" in kinds(unmet, "bad")[0]
    assert any("两份日志" in text for text in kinds(weak, "open"))
    assert "the cosignature of procuratorate.example/w1 does not hold" in kinds(forged, "bad")[0]
    assert "line 2 of the policy: nothing is called nobody yet" in kinds(broken, "bad")[0]


def test_an_older_key_that_was_pinned_leads_to_the_one_in_force(desk: Desk) -> None:
    new, thief = private(6), private(7)
    led, forged, cut, stolen = (desk.copy(name) for name in ("led", "forged", "cut", "stolen"))
    event = json.loads((led / "custody/export.json").read_bytes())["event"]
    note = str(statement(desk.log, desk.signing, new, event))
    rotate(led, desk.signing, new)
    assert verify_export(led, pinned(desk.key))
    rotate(forged, desk.signing, new, note.replace('"seq":1', '"seq":2'))
    rotate(cut, desk.signing, thief, note)
    # Whoever has not the old key names one that it never signed.
    lines = str(statement(desk.log, thief, new, event)).split("\n— ")[1:]
    rotate(stolen, desk.signing, new, note.split("\n— ")[0] + "".join(f"\n— {one}" for one in lines))
    good, newer, wrong, without, unsigned, stranger = look(
        [
            page(led, key=desk.key),
            page(led, key=log_pin(desk.log, new)),
            page(forged, key=desk.key),
            page(cut, key=desk.key),
            page(stolen, key=desk.key),
            page(led, key=log_pin(desk.log, thief)),
        ]
    )
    assert good["verdict"] == newer["verdict"] == "verified"
    assert "由您所给的密钥可推至现用密钥" in kinds(good, "good")[1]
    assert "您所给的是现用密钥" in kinds(newer, "good")[1]
    assert "statement 1 of the keys" in kinds(wrong, "bad")[0]
    assert "it is cut" in kinds(without, "bad")[0]
    assert "not signed by the old key" in kinds(unsigned, "bad")[0]
    assert "the pinned key is not in the chain of keys" in kinds(stranger, "bad")[0]


def stamp_of(place: Path) -> Path:
    (found,) = place.glob("custody/stamps/*.tsr")
    return found


def test_tokens_date_what_they_are_over_below_a_root_that_was_chosen(desk: Desk) -> None:
    root, other = str(desk.authority.root), TimeAuthority(desk.place / "another")
    place = desk.export.directory
    whole = {"key": desk.key, "folder": str(place), "seal": desk.seal}
    alone, dated, strange = look(
        [
            # Names show what they hold instead of acting on whoever reads them.
            page(place, show="a[U+202E]gpj.exe", **whole),
            page(place, root=root, **whole),
            page(place, root=str(other.root), **whole),
        ]
    )
    assert alone["verdict"] == dated["verdict"] == "verified"
    assert not any("Time of the tests" in text for text in kinds(alone, "good"))
    assert sum("任何人都可自制这样的证书" in text for text in kinds(alone, "open")) == 2
    said = [text for text in kinds(dated, "good") if "Root of the tests 之下的 Time of the tests" in text]
    assert len(said) == 2
    assert sum("的机构证书均未被吊销" in text for text in kinds(dated, "good")) == 2
    assert "leads to none of the roots that were chosen" in kinds(strange, "bad")[0]


def _other_bytes(desk: Desk, place: Path) -> None:
    query = desk.place / "query"
    (desk.place / "bytes").write_bytes(b"other")
    command = ["openssl", "ts", "-query", "-data", desk.place / "bytes", "-sha256", "-cert", "-out", query]
    subprocess.run(command, check=True, capture_output=True)
    stamp_of(place).write_bytes(desk.authority.answer(query.read_bytes()))


def _changed_signature(_: Desk, place: Path) -> None:
    data = stamp_of(place).read_bytes()
    stamp_of(place).write_bytes(data[:-3] + bytes([data[-3] ^ 1]) + data[-2:])


def _own_word(desk: Desk, place: Path) -> None:
    checkpoint = stamp_of(place).with_suffix(".checkpoint").read_bytes()
    own = open_embedded(desk.place / "own", CLOCK)
    stamp_of(place).write_bytes(own.assert_time(checkpoint).token)


def _other_tree(_: Desk, place: Path) -> None:
    document_ = stamp_of(place).with_suffix(".json")
    said = json.loads(document_.read_bytes())
    said["consistency"] = ["00" * 32, *said["consistency"][1:]]
    document_.write_text(json.dumps(said))


def _other_policy(_: Desk, place: Path) -> None:
    document_ = stamp_of(place).with_suffix(".json")
    document_.write_text(json.dumps(json.loads(document_.read_bytes()) | {"policy": "1.2.3.4.2"}))


FORGED: list[tuple[Callable[[Desk, Path], None], str]] = [
    (_other_bytes, "does not prove a time: it is over other bytes"),
    (_changed_signature, "does not prove a time: its signature does not hold"),
    (_own_word, "is passed off as a time authority's and is self-asserted"),
    (_other_tree, "the larger tree does not begin with the smaller one, a fork"),
    (_other_policy, "and 1.2.3.4.2 is stated beside it"),
]


def test_forged_tokens_are_named_with_and_without_a_root(desk: Desk) -> None:
    visits = []
    for number, (change, _) in enumerate(FORGED):
        place = desk.copy(f"forged-token{number}")
        change(desk, place)
        rebag(place)
        roots = {"root": str(desk.authority.root)} if number % 2 else {}
        visits.append(page(place, key=desk.key, folder=str(place), **roots))
    seal = {**desk.export.seal, "token": base64.b64encode(_with_year(desk.export.seal["token"])).decode()}
    (desk.place / "forged-seal.json").write_text(json.dumps(seal))
    place = desk.export.directory
    visits.append(page(place, key=desk.key, folder=str(place), seal=str(desk.place / "forged-seal.json")))
    told = [*(one for _, one in FORGED), "the seal's token does not prove a time: its time was changed"]
    for found, named in zip(look(visits), told, strict=True):
        assert found["verdict"] == "not-verified", named
        assert named in kinds(found, "bad")[0]


def _with_year(token: str) -> bytes:
    data = base64.b64decode(token)
    at = data.index(b"\x18\x0f20")
    return data[: at + 2] + b"2001" + data[at + 6 :]
