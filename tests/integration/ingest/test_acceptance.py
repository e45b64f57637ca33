"""Digests, names, doubles and receipts: what becomes of bytes once the last one is there."""

from __future__ import annotations

import hashlib
import json
import random
import urllib.parse
from pathlib import Path

import pytest

from clients.verifier.receipt import NotVerified, verify_receipt
from evidence.agents import Role
from tests.serving.client import TUS, Client, statement
from tests.serving.inside import Inside
from tests.serving.tree import Tree

JSON = {"Content-Type": "application/json"}


def some_bytes(size: int, seed: int) -> bytes:
    """Bytes that no other test sends."""
    return random.Random(f"acceptance {seed}").randbytes(size)


def sha256(data: bytes) -> str:
    """Lower-case hex."""
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def officer(inside: Inside) -> Client:
    return inside.client(Role.OFFICER)


def salvage(client: Client, upload: str, reason: str) -> tuple[int, dict[str, object]]:
    """Ask for a refused upload to be kept."""
    answer = client.ask("POST", f"{upload}/salvage", json.dumps({"reason": reason}).encode(), JSON)
    return answer.status, answer.json()


# Digests.


def test_a_digest_that_matches_is_compared(station: Client) -> None:
    data = some_bytes(1000, 1)
    upload = station.send(data, sha256=sha256(data).upper())
    assert statement(station.receipt(upload))["digest_compared"] is True


def test_without_a_digest_the_receipt_says_so(station: Client) -> None:
    upload = station.send(some_bytes(1000, 2))
    assert statement(station.receipt(upload))["digest_compared"] is False


def test_other_bytes_than_were_measured_are_refused_and_can_be_salvaged(
    inside: Inside, officer: Client
) -> None:
    data = some_bytes(1000, 3)
    upload = officer.created(len(data), sha256=sha256(b"what the card once held"))
    answer = officer.patch(upload, 0, data)
    assert (answer.status, answer.code) == (422, "digest-mismatch")
    assert "the server kept them as they arrived" in answer.json()["detail"]
    state = officer.get(upload).json()
    assert (state["state"], state["code"]) == ("refused", "digest-mismatch")
    # A client that only compares offsets must not take it for sent.
    assert officer.ask("HEAD", upload, headers=TUS).status == 422
    assert officer.get(f"{upload}/receipt").code == "not-yet"

    assert salvage(officer, upload, "   ")[1]["code"] == "no-reason"
    status, kept = salvage(officer, upload, "卡已损坏 the card is dying")
    assert (status, kept["state"]) == (200, "accepted")
    said = statement(officer.receipt(upload))
    assert said["salvaged"] == "卡已损坏 the card is dying"
    assert said["digest_compared"] is False
    assert said["digests"]["sha256"] == sha256(data)
    item = officer.committed(upload)
    reviewer = inside.client(Role.REVIEWER)
    assert reviewer.get(f"/items/{item}").json()["salvaged"] == "卡已损坏 the card is dying"
    assert reviewer.get(f"/items/{item}/original").body == data
    assert salvage(officer, upload, "again")[1]["code"] == "not-refused"


def test_a_failing_staging_disk_is_not_blamed_on_the_card(inside: Inside, station: Client) -> None:
    data = some_bytes(1000, 4)
    upload = station.created(len(data), sha256=sha256(b"something else"))
    assert station.patch(upload, 0, data[:500]).status == 204
    _rot(inside, upload)
    answer = station.patch(upload, 500, data[500:])
    assert (answer.status, answer.code) == (422, "staging-mismatch")
    assert "staging disk" in answer.json()["detail"]


def test_bytes_that_the_staging_disk_changed_never_free_a_camera(inside: Inside, station: Client) -> None:
    data = some_bytes(1000, 5)
    upload = station.created(len(data), sha256=sha256(data))
    assert station.patch(upload, 0, data[:500]).status == 204
    _rot(inside, upload)
    station.patch(upload, 500, data[500:])
    item = station.committed(upload)
    assert statement(station.receipt(upload, completed=False))["read_back"] is None
    shown = inside.client(Role.REVIEWER).get(f"/items/{item}").json()
    (job,) = [job for job in shown["jobs"] if job["stage"] == "read-back"]
    assert (job["state"], job["code"]) == ("failed", "read-back-mismatch")
    assert shown["read_back"] is None
    assert b'custos_alarms{kind="read-back-mismatch"}' in Client(inside.url).get("/metrics").body


def _rot(inside: Inside, upload: str) -> None:
    with (inside.data / "staging" / f"{upload.rpartition('/')[2]}.part").open("r+b") as file:
        first = file.read(1)[0]
        file.seek(0)
        file.write(bytes([first ^ 1]))


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.REVIEWER, Role.STATION])
def test_who_may_not_salvage(inside: Inside, station: Client, role: Role) -> None:
    upload = station.created(3, sha256=sha256(b"other"))
    assert station.patch(upload, 0, b"abc").status == 422
    assert salvage(inside.client(role), upload, "because")[1]["code"] == "not-found"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"reason": ""}', b'{"reason": 1}', b'{"reason": "a", "b": 1}', b"\xff", b"{" * 999]
)
def test_a_salvage_that_cannot_be_understood_is_refused(station: Client, body: bytes) -> None:
    upload = station.created(3)
    answer = station.ask("POST", f"{upload}/salvage", body, JSON)
    assert (answer.status, answer.code) == (400, "bad-body")


# Names are data.

NAMES = [
    "../../../../etc/passwd",
    "/etc/shadow",
    "..",
    "a\\b\\..\\c.mp4",
    "line\nbreak\r\nX-Evil: yes.mp4",
    'quote".mp4; filename="other.exe',
    "执法记录仪 2024-05-06.mp4",
    "видео 🎥 فيديو ویدیو.mp4",
    "e\u0301 \u202egnp.exe",
    "null\x00byte.mp4",
    "%2e%2e%2fescaped%00.mp4",
    "'; DROP TABLE items; --",
    "<script>alert(1)</script>",
    "-rf",
    " ",
    "🚓" * 1024,
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_file_name_is_data(inside: Inside, name: str) -> None:
    data = name.encode()
    item = inside.client(Role.STATION).kept(data, name)
    reviewer = inside.client(Role.REVIEWER)
    assert reviewer.get(f"/items/{item}").json()["submitted"]["filename"] == name
    answer = reviewer.get(f"/items/{item}/original")
    assert answer.body == data
    disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith("attachment; ")
    assert urllib.parse.unquote(disposition.partition("filename*=UTF-8''")[2]) == name
    assert "X-Evil" not in answer.headers
    assert list(inside.data.parent.iterdir()) == [inside.data]
    stored = {path.name for path in (inside.data / "store").rglob("*")} | {
        path.name for path in (inside.data / "staging").rglob("*")
    }
    assert not any(letter in one for one in stored for letter in "🚓执\n ")
    assert not stored & {"passwd", "shadow", "c.mp4", "-rf", name}


def test_a_receipt_names_the_file_as_it_was_sent(inside: Inside, station: Client) -> None:
    name = "证据/..\n🎥"
    assert statement(station.receipt(station.send(some_bytes(10, 6), name)))["name"] == name


# Doubles.


def test_the_same_bytes_of_the_same_device_are_the_same_item(inside: Inside, station: Client) -> None:
    data = some_bytes(1000, 7)
    answers = []
    for name in ("first.mp4", "second.mp4"):
        made = station.create(len(data), name, device="CAM-7")
        sent = station.patch(made.headers["Location"], 0, data)
        upload = made.headers["Location"]
        item = station.committed(upload)
        answers.append((made, sent, upload, item, station.receipt(upload), station.get(upload).json()))
    (made1, sent1, upload1, item1, receipt1, state1), (made2, sent2, upload2, item2, receipt2, state2) = (
        answers
    )
    assert item1 == item2
    first, second = statement(receipt1), statement(receipt2)
    assert (first["upload"], second["upload"]) == tuple(one.rpartition("/")[2] for one in (upload1, upload2))
    assert first["id"] != second["id"]
    assert first["event"] != second["event"]
    assert (first["name"], second["name"]) == ("first.mp4", "second.mp4")
    assert first.keys() == second.keys()
    assert (made1.status, sent1.status) == (made2.status, sent2.status)
    assert [sorted(one.headers.keys()) for one in (made1, sent1)] == [
        sorted(one.headers.keys()) for one in (made2, sent2)
    ]
    assert {k: v for k, v in state1.items() if k != "id"} == {k: v for k, v in state2.items() if k != "id"}
    kinds = [event["type"] for event in inside.client(Role.REVIEWER).history(item1)]
    assert kinds.count("item.ingested") == kinds.count("item.resubmitted") == 1


@pytest.mark.parametrize("device", [None, "CAM-B"])
def test_the_same_bytes_of_another_device_are_another_item(station: Client, device: str | None) -> None:
    data = some_bytes(1000, 8 if device is None else 9)
    other = {} if device is None else {"device": device}
    first = station.send(data, device="CAM-A")
    second = station.send(data, **other)
    assert station.committed(first) != station.committed(second)
    one, two = (statement(station.receipt(upload)) for upload in (first, second))
    assert one["digests"] == two["digests"]
    assert one.keys() == two.keys()
    assert [key for key in one if one[key] == one["item"]] == [key for key in two if two[key] == two["item"]]


def test_the_same_bytes_without_a_device_are_never_merged(station: Client) -> None:
    data = some_bytes(1000, 10)
    assert station.kept(data) != station.kept(data)


def test_the_same_bytes_of_another_unit_are_another_item(inside: Inside, station: Client) -> None:
    data = some_bytes(1000, 11)
    mine = station.kept(data, device="CAM-S")
    foreign = inside.client(Role.STATION, "south").send(data, device="CAM-S")
    item = inside.client(Role.STATION, "south").committed(foreign)
    assert item != mine
    shown = json.dumps(inside.client(Role.REVIEWER, "south").get(f"/items/{item}").json())
    assert mine not in shown


def test_empty_files_are_never_merged(station: Client) -> None:
    assert station.kept(b"", device="CAM-E") != station.kept(b"", device="CAM-E")


# Receipts.


def test_a_receipt_proves_its_file_and_no_other(tree: Tree, tmp_path: Path) -> None:
    data = some_bytes(100_000, 12)
    station = tree.client(Role.STATION)
    upload = station.send(data, "a.bin", sha256=sha256(data), medium="SD card", device="CAM-R")
    jws = station.receipt(upload)
    file = tmp_path / "a.bin"
    file.write_bytes(data)

    found = verify_receipt(file, jws, tree.public_key)
    assert found.read_back
    said = found.statement
    assert said["item"] == station.committed(upload)
    assert (said["name"], said["size"], said["medium"]) == ("a.bin", len(data), "SD card")
    assert said["device"] == "CAM-R"
    assert said["completes"] is not None
    assert said["time_source"]

    for changed in (data[:-1], data + b"\0", bytes([data[0] ^ 1]) + data[1:]):
        file.write_bytes(changed)
        with pytest.raises(NotVerified):
            verify_receipt(file, jws, tree.public_key)


def test_a_receipt_that_was_changed_is_not_verified(tree: Tree, tmp_path: Path) -> None:
    data = some_bytes(100, 13)
    file = tmp_path / "a.bin"
    file.write_bytes(data)
    station = tree.client(Role.STATION)
    jws = station.receipt(station.send(data), completed=False)
    other = station.receipt(station.send(data + b"x"), completed=False)
    head, payload, signature = jws.split(".")
    for forged in (
        f"{head}.{other.split('.')[1]}.{signature}",
        f"{head}.{payload}.{other.split('.')[2]}",
        f"{head}.{payload}.",
        payload,
    ):
        with pytest.raises(NotVerified):
            verify_receipt(file, forged, tree.public_key)


def test_showing_a_receipt_is_on_record(inside: Inside, station: Client) -> None:
    upload = station.send(some_bytes(10, 14))
    item = station.committed(upload)
    station.receipt(upload)
    shown = [e for e in inside.client(Role.REVIEWER).history(item) if e["type"] == "receipt.shown"]
    assert len(shown) == 1
    assert shown[0]["detail"] == {"completed": True}
