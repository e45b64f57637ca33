"""What happened to a case itself, as a custody report tells it: to its file, its links, its holds. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from evidence.ports.exports import Checked
from evidence.proofs import CaseProof
from evidence.report import Block, Place, Row, Sentence, Table, Told, place_of, told
from retrieval.report_events import happened, reason
from retrieval.report_seen import counted
from retrieval.report_words import Words, mapping

_More: TypeAlias = Callable[[Words, Told, Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class CaseHistory:
    """A case's own events as far as its reader is shown them.

    `withheld` are the events whose detail is kept and not shown; `names` what the reader knows items by.
    """

    proof: CaseProof
    checked: Checked | None
    withheld: frozenset[str] = frozenset()
    names: Mapping[str, str] = field(default_factory=dict)


def case_history(words: Words, history: CaseHistory) -> list[Block]:
    """Every event that is open in exactly one row, or counted by one; and what is not told."""
    events = told(history.proof)
    acts = [one for one in events if place_of(one.type) is not Place.COUNTED]
    looks = [one for one in events if place_of(one.type) is Place.COUNTED]
    blocks: list[Block] = [Sentence(words.say("case-history-lead"))]
    if acts:
        head = tuple(map(words.say, ("when", "who", "what-happened")))
        rows = [
            Row((words.when(one.at), words.who(one.agent), _happened(words, one, history)), (one.id,))
            for one in acts
        ]
        blocks.append(Table(head, (20, 20, 60), rows))
    if looks:
        blocks += [Sentence(words.say("case-counted")), counted(words, looks, "of-case.")]
    if events and events[0].number and not history.proof.closed:
        blocks.append(Sentence(words.say("case-before", count=events[0].number), loud=True))
    if history.proof.closed:
        blocks.append(Sentence(words.say("case-closed-events", count=history.proof.closed)))
    if history.proof.waiting:
        blocks.append(Sentence(words.say("case-waiting", count=history.proof.waiting)))
    return [*blocks, *checked_case(words, history)]


def wrong_case(words: Words, history: CaseHistory) -> list[Sentence]:
    """What of the case's events does not prove; nothing where all is well."""
    checked, count = history.checked, len(history.proof.chain)
    if checked is None:
        return []
    if checked.failed:
        said = words.say("case-checked-wrong", failed=checked.failed, count=count)
        return [Sentence(said, loud=True)]
    return [] if checked.unbroken else [Sentence(words.say("case-chain-broken"), loud=True)]


def checked_case(words: Words, history: CaseHistory) -> list[Sentence]:
    """What the server found when it checked the case's events, as its own word."""
    if history.checked is None:
        return []
    found = wrong_case(words, history)
    return found or [Sentence(words.say("case-checked-text", count=len(history.proof.chain)))]


def case_details_missing(history: CaseHistory) -> tuple[int, int]:
    """How many of the events told show no detail: withheld, and not kept any more."""
    absent = sum(one.detail is None for one in history.proof.events)
    return len(history.withheld), absent - len(history.withheld)


def _happened(words: Words, event: Told, history: CaseHistory) -> str:
    """What happened, to which items, and what is known of it."""
    items = event.subjects.get("item", ())
    if event.type not in _CASE_WORDS:
        more = [words.say("case-items-named", count=len(items))] if items else []
        return words.listed([happened(words, event, history.withheld), *more])
    parts = [words.say(f"of-case.{event.type}"), *(history.names.get(item) or item for item in items)]
    if event.outcome != "success":
        parts.append(words.say(f"outcome.{event.outcome}"))
    others = [one for one in event.subjects.get("case", ()) if one != history.proof.case_id]
    parts += [words.say("other-case", number=words.cases.get(one) or one) for one in others]
    if event.detail is None:
        parts.append(words.say("detail-withheld" if event.id in history.withheld else "detail-gone"))
    elif event.type in _MORE:
        parts.append(_more(words, event, event.detail))
    return words.listed(parts)


def _more(words: Words, event: Told, detail: Mapping[str, Any]) -> str:
    try:
        return _MORE[event.type](words, event, detail)
    except (KeyError, TypeError, ValueError):
        # As in `retrieval.report_events`: what has other members is shown as it is.
        return json.dumps(detail, ensure_ascii=False, sort_keys=True)


def _opened(words: Words, _: Told, detail: Mapping[str, Any]) -> str:
    return words.listed([str(detail["number"]), words.one_of("category", detail["category"])])


def _described(words: Words, _: Told, detail: Mapping[str, Any]) -> str:
    was, is_now = _texts(words, detail["was"]), _texts(words, detail["is"])
    names = dict.fromkeys([*was, *is_now])
    changed = [name for name in names if was.get(name, "") != is_now.get(name, "")]
    return words.listed(
        words.say(
            "more.changed", name=name, was=words.stated(was.get(name)), to=words.stated(is_now.get(name))
        )
        for name in changed
    )


def _texts(words: Words, said: Mapping[str, Any]) -> dict[str, str]:
    """Each field of a case's detail, by what it is called."""
    return {
        words.say("case-title"): str(said["title"]),
        words.say("parties"): words.listed(map(str, said["parties"])),
        words.say("place"): str(said["place"]),
        **{str(name): str(value) for name, value in mapping(said["fields"]).items()},
    }


def _moved(words: Words, _: Told, detail: Mapping[str, Any]) -> str:
    step = words.say(
        "more.moved", was=words.one_of("state", detail["from"]), to=words.one_of("state", detail["to"])
    )
    return words.listed([step, words.say("more.reason", reason=detail["about"])])


def _person(_words: Words, _: Told, detail: Mapping[str, Any]) -> str:
    return str(detail["username"])


def _text(_words: Words, _: Told, detail: Mapping[str, Any]) -> str:
    return str(detail["text"])


def _entry(words: Words, _: Told, detail: Mapping[str, Any]) -> str:
    said = [words.say("more.reason", reason=detail["reason"])] if "reason" in detail else []
    return words.listed([str(detail["code"]), *said])


def _link(words: Words, _: Told, detail: Mapping[str, Any]) -> str:
    return words.one_of("origin", detail["origin"])


#: Types that are said of a case otherwise than of an item.
_CASE_WORDS = frozenset({
    "case.opened", "case.described", "case.moved", "link.made", "link.withdrawn", "person.assigned",
    "person.dismissed", "note.written", "note.withdrawn", "entry.covered", "entry.uncovered",
    "entry.excused", "entry.asked",
})  # fmt: skip
_MORE: Mapping[str, _More] = {
    "case.opened": _opened,
    "case.described": _described,
    "case.moved": _moved,
    "link.made": _link,
    "link.withdrawn": reason,
    "person.assigned": _person,
    "person.dismissed": _person,
    "note.written": _text,
    "note.withdrawn": reason,
    "entry.covered": _entry,
    "entry.uncovered": _entry,
    "entry.excused": _entry,
    "entry.asked": _entry,
}


def subjects_named(proof: CaseProof, kind: str) -> Sequence[str]:
    """Everything of that kind that an open event names, each once."""
    return list(dict.fromkeys(one for event in told(proof) for one in event.subjects.get(kind, ())))
