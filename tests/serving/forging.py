"""An export that somebody forges who knows its format, has no key, and makes every manifest anew."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from retrieval.export_files import script_of

_BEGINNING = ("item.ingested", "rendition.made")


def bent(signed: str) -> str:
    """A signed statement (JWS) with one character of its signature changed."""
    return signed[:-9] + ("A" if signed[-9] != "A" else "B") + signed[-8:]


def rebag(directory: Path) -> None:
    """Make every manifest anew from the files that are there."""
    files = [path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()]
    payload = {name for name in files if name.startswith("data/")}
    tags = {name for name in files if not name.startswith("tagmanifest-")} - payload
    for names, prefix in ((payload, ""), (tags, "tag")):
        for one in ("sha256", "sha512", "sm3"):
            lines = [
                f"{hashlib.new(one, (directory / name).read_bytes()).hexdigest()}  {name}\n"
                for name in sorted(names)
            ]
            (directory / f"{prefix}manifest-{one}.txt").write_text("".join(lines))


def rewrite(path: Path, change: Callable[[Any], None]) -> Any:
    """Change a canonical document; what it says then."""
    document = json.loads(path.read_bytes())
    change(document)
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    path.write_bytes(text.encode())
    return document


def exchange_original(directory: Path, more: bytes = b"x", *, receipts: bool = False) -> None:
    """Exchange the first item's original for one with more bytes, and cut its history where that would show.

    With `receipts` they are left there.
    """
    line = json.loads((directory / "custody/export.json").read_bytes())["items"][0]
    item, original = line["item"], directory / line["original"]
    original.write_bytes(original.read_bytes() + more)
    proof = directory / f"custody/proofs/{item}.json"
    events = json.loads(proof.read_bytes())["events"]
    told = [json.loads(one["leaf"])["event"] for one in events]
    cut = 1 + max(place for place, one in enumerate(told) if one["type"] in _BEGINNING)
    gone = {one["id"] for one in told[:cut]}

    def cut_events(document: Any) -> None:
        del document["events"][:cut]

    def cut_list(document: Any) -> None:
        document["withheld"] = [one for one in document["withheld"] if one.get("event") not in gone]

    def retell(document: Any) -> None:
        forged = document["items"][0]
        forged["sha256"] = hashlib.sha256(original.read_bytes()).hexdigest()
        shown = sum(one["detail"] is not None for one in events[cut:])
        forged["events"] |= {"first": cut, "count": len(events) - cut, "shown": shown}
        document["withheld"] = len(withheld)

    proven = rewrite(proof, cut_events)
    withheld = rewrite(directory / "custody/withheld.json", cut_list)["withheld"]
    said = rewrite(directory / "custody/export.json", retell)
    for receipt in () if receipts else (directory / "custody/receipts").iterdir():
        receipt.unlink()
    rescript(directory / f"viewer/data/{item}.js", proof=proven)
    rescript(directory / "viewer/data/export.js", export=said, withheld=withheld)
    rebag(directory)


def rescript(path: Path, **change: Any) -> None:
    """Change what a data file of the viewer tells."""
    function, _, rest = path.read_text().partition("(")
    path.write_bytes(script_of(function, json.loads(rest.removesuffix(");\n")) | change))


def retell_case(directory: Path, change: Callable[[list[Any]], None]) -> None:
    """Change the events of the case's history, and put right everything that counts or lists them."""
    case = json.loads((directory / "custody/export.json").read_bytes())["subject"]

    def cut(document: Any) -> None:
        change(document["events"])

    proven = rewrite(directory / "custody/proofs/case.json", cut)
    shown = [one for one in proven["events"] if "leaf" in one]
    told = [json.loads(one["leaf"]) for one in shown]
    hidden = {leaf["event"]["id"] for leaf, one in zip(told, shown, strict=True) if one["detail"] is None}
    closed = [one["hash"] for one in proven["events"] if "hash" in one]

    def relist(document: Any) -> None:
        lines = [
            one
            for one in document["withheld"]
            if one["what"] != "event" and (one["what"] != "detail" or "item" in one or one["event"] in hidden)
        ]
        closed_lines = [{"what": "event", "case": case, "leaf": one, "why": "not-open"} for one in closed]
        document["withheld"] = lines + closed_lines

    withheld = rewrite(directory / "custody/withheld.json", relist)["withheld"]

    def recount(document: Any) -> None:
        place = next(n for n, one in enumerate(proven["events"]) if "leaf" in one)
        links = {one["subject"]: one["seq"] for one in told[0]["chains"]}
        document["case_events"] = {
            "first": links[case] - place,
            "count": len(proven["events"]),
            "shown": sum(one["detail"] is not None for one in shown),
            "closed": len(closed),
            "waiting": proven["waiting"],
        }
        document["withheld"] = len(withheld)

    said = rewrite(directory / "custody/export.json", recount)
    rescript(directory / "viewer/data/case.js", proof=proven)
    rescript(directory / "viewer/data/export.js", export=said, withheld=withheld)
    rebag(directory)


def close_event(events: list[Any], kind: str) -> None:
    """Leave the hash alone of every event of that type: one like it may have been before."""
    for place, one in enumerate(events):
        if "leaf" in one and json.loads(one["leaf"])["event"]["type"] == kind:
            made = hashlib.sha256(b"\0" + one["leaf"].encode()).hexdigest()
            events[place] = {"hash": made, "proof": one["proof"]}


def call_it_version_1(directory: Path) -> None:
    """Take the history of the case away, and everything that tells of it."""

    def relist(document: Any) -> None:
        document["withheld"] = [
            one
            for one in document["withheld"]
            if one["what"] != "event" and (one["what"] != "detail" or "item" in one)
        ]

    def retell(document: Any) -> None:
        document["v"] = "custos/export/1"
        del document["case_events"]
        document["withheld"] = len(withheld)

    (directory / "custody/proofs/case.json").unlink()
    (directory / "viewer/data/case.js").unlink()
    withheld = rewrite(directory / "custody/withheld.json", relist)["withheld"]
    said = rewrite(directory / "custody/export.json", retell)
    rescript(directory / "viewer/data/export.js", export=said, withheld=withheld)
    rebag(directory)


def drop_case(directory: Path) -> None:
    """Take the history of the case away, and say that there is none."""
    (directory / "custody/proofs/case.json").unlink()
    (directory / "viewer/data/case.js").unlink()

    def relist(document: Any) -> None:
        document["withheld"] = [
            one for one in document["withheld"] if one["what"] != "event" and "case" not in one
        ]

    withheld = rewrite(directory / "custody/withheld.json", relist)["withheld"]
    change = {"case_events": None, "withheld": len(withheld)}
    said = rewrite(directory / "custody/export.json", lambda document: document.update(change))
    rescript(directory / "viewer/data/export.js", export=said, withheld=withheld)
    rebag(directory)


def drop_item(directory: Path, place: int) -> None:
    """Leave an item out, with everything that tells of it but the history of the case."""
    gone = json.loads((directory / "custody/export.json").read_bytes())["items"][place]
    for path in [*directory.rglob(f"*{gone['item']}*"), directory / gone["original"]]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for name in gone["renditions"]:
        (directory / name).unlink(missing_ok=True)
    for receipt in (directory / "custody/receipts").iterdir():
        receipt.unlink()
    lines = json.loads((directory / "custody/withheld.json").read_bytes())["withheld"]
    withheld = [one for one in lines if one.get("item") != gone["item"]]

    def retell(told: Any) -> None:
        del told["items"][place]
        counts = told["counts"]
        counts.update(held=counts["held"] - 1, shown=counts["shown"] - 1)
        told["withheld"] = len(withheld)

    rewrite(directory / "custody/withheld.json", lambda told: told.update(withheld=withheld))
    rewrite(directory / "custody/export.json", retell)
    rebag(directory)
