"""A case with a history of its own: links made and withdrawn, a hold, a note, another case joined into it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from evidence.agents import Role
from tests.serving.inside import Inside


@dataclass(frozen=True)
class Storied:
    """The case, what is linked to it, what no longer is, and the case that was joined into it."""

    case: str
    linked: tuple[str, ...]
    withdrawn: str
    joined: str


def document(bureau: Inside, words: str) -> str:
    """An item of a few bytes that no other has."""
    return bureau.client(Role.STATION).kept(f"{words} {os.urandom(8).hex()}".encode(), "记录.txt")


def opened(bureau: Inside, number: str, *items: str) -> str:
    """A case with these items."""
    archivist = bureau.client(Role.ARCHIVIST)
    case: str = archivist.post("/cases", {"number": number, "category": "penalty"}).json()["id"]
    assert archivist.post(f"/cases/{case}/links", {"items": list(items)}).status == 200
    return case


def storied(bureau: Inside, number: str = "粤执〔2026〕37号") -> Storied:
    """A case to which three items were linked, one of them by mistake, and one by a joined case."""
    archivist, supervisor = bureau.client(Role.ARCHIVIST), bureau.client(Role.SUPERVISOR)
    one, other, mistaken, of_joined = (document(bureau, word) for word in ("一", "二", "三", "四"))
    case, joined = opened(bureau, number, one, other, mistaken), opened(bureau, f"{number}之一", of_joined)
    links = archivist.get(f"/cases/{case}").json()["links"]
    (link,) = [found["id"] for found in links if found["item"] == mistaken]
    assert supervisor.post(f"/links/{link}/withdrawal", {"reason": "系另案材料"}).status == 204
    assert supervisor.post(f"/cases/{joined}/join", {"into": case, "reason": "同一当事人"}).status == 200
    hold = {"reason": "诉讼保留", "authority": "市法院"}
    assert bureau.client(Role.LEGAL_REVIEWER).post(f"/cases/{case}/holds", hold).status == 201
    assert archivist.post(f"/cases/{case}/notes", {"text": "已核对"}).status == 201
    return Storied(case, (one, other, of_joined), mistaken, joined)
