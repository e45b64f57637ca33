"""What one event says, in words: its name, and what its detail adds as far as it may be shown. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from evidence.report import Row, Table, Told
from evidence.timekeeping import from_text
from retrieval.report_words import Words, clock

_More: TypeAlias = Callable[[Words, Told, Mapping[str, Any]], str]


def named(words: Words, kind: str) -> str:
    """What happened, by the event's type; of a type that the catalogue does not know, the type itself."""
    return words.say(kind) if words.knows(kind) else words.say("event", type=kind)


def happened(words: Words, event: Told, withheld: frozenset[str]) -> str:
    """What happened, how it ended where it did not go well, and what is known of it."""
    parts = [named(words, event.type)]
    if event.outcome != "success" and event.type not in _SAY_HOW:
        parts.append(words.say(f"outcome.{event.outcome}"))
    if event.detail is None:
        parts.append(words.say("detail-withheld" if event.id in withheld else "detail-gone"))
    elif event.type in _MORE:
        parts.append(_more(words, event, event.detail))
    return words.listed(parts)


def _more(words: Words, event: Told, detail: Mapping[str, Any]) -> str:
    try:
        return _MORE[event.type](words, event, detail)
    except (KeyError, TypeError, ValueError):
        # What is written for ever outlives the code that reads it: what has other members is shown as it is.
        return json.dumps(detail, ensure_ascii=False, sort_keys=True)


def table_of(words: Words, events: list[Told], withheld: frozenset[str]) -> list[Table]:
    """A row for each event; no table where there is none."""
    if not events:
        return []
    head = tuple(map(words.say, ("when", "who", "what-happened")))
    rows = [
        Row((words.when(one.at), words.who(one.agent), happened(words, one, withheld)), (one.id,))
        for one in events
    ]
    return [Table(head, (20, 20, 60), rows)]


def _until(words: Words, value: object) -> str:
    return words.say("without-end") if value is None else words.when(from_text(str(value)))


def _lock(words: Words, _: Told, detail: Mapping[str, Any]) -> str:
    return words.say("more.until", until=_until(words, detail["locked_until"]))


def _retention(words: Words, _: Told, detail: Mapping[str, Any]) -> str:
    return words.say(
        "more.retention", until=_until(words, detail["keep_until"]), basis=words.basis(str(detail["basis"]))
    )


def reason(words: Words, _: Told, detail: Mapping[str, Any]) -> str:
    """Why, as it was given."""
    return words.say("more.reason", reason=detail["reason"]) if detail.get("reason") else ""


def _salvaged(words: Words, _: Told, detail: Mapping[str, Any]) -> str:
    return words.say("more.reason", reason=detail["salvaged"]) if detail.get("salvaged") else ""


def _hold(words: Words, _: Told, detail: Mapping[str, Any]) -> str:
    return words.say("more.hold", authority=detail["authority"], reason=detail["reason"])


def _method(words: Words, _: Told, detail: Mapping[str, Any]) -> str:
    return words.one_of("method", detail["method"]) if "method" in detail else ""


def _warnings(_words: Words, _: Told, detail: Mapping[str, Any]) -> str:
    return " ".join(map(str, detail.get("warnings", ())))


def _discarded(words: Words, _: Told, detail: Mapping[str, Any]) -> str:
    return words.kind_of(str(detail["kind"]))


def _link(words: Words, event: Told, _: Mapping[str, Any]) -> str:
    number = words.cases.get(event.subject("case") or "")
    # The detail has the number of every case, also of one that this reader may not see.
    return words.say("more.another-case") if number is None else words.say("more.case", number=number)


def _unlinked(words: Words, event: Told, detail: Mapping[str, Any]) -> str:
    return words.listed([_link(words, event, detail), reason(words, event, detail)])


def _mark(words: Words, event: Told, detail: Mapping[str, Any]) -> str:
    items = event.subjects.get("item", ())
    # A mark on several segments names them all; only one of them is told of here, and it is not said which.
    spans = detail["spans"] if len(items) == 1 else ()
    return words.say(
        "more.mark",
        label=detail["label"],
        note=detail["note"],
        spans=words.ranges((int(one["from_ms"]), int(one["to_ms"])) for one in spans),
    ).strip()


def _review(words: Words, _: Told, detail: Mapping[str, Any]) -> str:
    said = words.listed([*map(str, detail["findings"]), str(detail["note"])])
    outcome = words.one_of("review", detail["outcome"])
    if detail["covered_ms"] is None:
        return words.say("more.review-short", outcome=outcome, words=said).strip()
    covered, length = (clock(int(detail[name]) // 100) for name in ("covered_ms", "duration_ms"))
    return words.say("more.review", outcome=outcome, covered=covered, length=length, words=said).strip()


def _restriction(words: Words, _: Told, detail: Mapping[str, Any]) -> str:
    people = words.listed(map(str, detail["named"])) or words.say("nobody-named")
    restriction = words.one_of("restriction", detail["restriction"])
    return words.say("more.restriction", restriction=restriction, named=people, reason=detail["reason"])


def _share(words: Words, _: Told, detail: Mapping[str, Any]) -> str:
    until = str(detail["until"])
    return words.say("more.share", username=detail["username"], until=until, reason=detail["reason"])


def _purpose(words: Words, _: Told, detail: Mapping[str, Any]) -> str:
    return words.say("for", purpose=detail["purpose"]) if detail.get("purpose") else ""


def _asked(words: Words, _: Told, detail: Mapping[str, Any]) -> str:
    return words.say(
        "more.asked",
        profile=words.one_of("profile", detail["profile"]),
        reason=detail["reason"],
        originals=words.say("originals.yes" if detail["originals"] else "originals.no"),
    )


def _export(words: Words, _: Told, detail: Mapping[str, Any]) -> str:
    key = "more.export" if detail["authority"] is not None else "more.export-unstamped"
    if detail.get("self_asserted"):
        key = "more.export-self-asserted"
    return words.say(key, size=words.size(int(detail["size"])), authority=detail["authority"])


def _failed(words: Words, _: Told, detail: Mapping[str, Any]) -> str:
    return words.say("more.failed", stage=detail["stage"], message=detail.get("message", ""))


def _message(_words: Words, _: Told, detail: Mapping[str, Any]) -> str:
    return str(detail["message"])


def _stage(_words: Words, _: Told, detail: Mapping[str, Any]) -> str:
    return str(detail["stage"])


def _disposed(words: Words, _: Told, detail: Mapping[str, Any]) -> str:
    return words.say("more.disposed", authority=detail["authority"])


def _audited(words: Words, _: Told, detail: Mapping[str, Any]) -> str:
    wrong = [
        f"{words.kind_of(str(one['what']))} ({words.one_of('finding', one['finding'])})"
        for one in detail["findings"]
    ]
    method = words.one_of("method", detail["method"]) if detail["method"] else ""
    key = "more.audited-wrong" if wrong else "more.audited"
    said = words.say(key, count=detail["objects"], wrong=words.listed(wrong))
    return words.listed([method, said])


#: Whose words say how it ended.
_SAY_HOW = frozenset({"item.audited", "stage.failed", "access.denied", "alarm.raised"})
_MORE: Mapping[str, _More] = {
    "upload.salvaged": reason,
    "item.ingested": _salvaged,
    "item.locked": _lock,
    "item.read-back": _method,
    "item.audited": _audited,
    "item.described": _warnings,
    "item.disposed": _disposed,
    "lock.renewed": _lock,
    "retention.set": _retention,
    "hold.placed": _hold,
    "hold.lifted": reason,
    "rendition.discarded": _discarded,
    "alarm.raised": _message,
    "clip.asked": reason,
    "stage.failed": _failed,
    "stage.retried": _stage,
    "link.made": _link,
    "link.withdrawn": _unlinked,
    "mark.made": _mark,
    "mark.withdrawn": reason,
    "review.made": _review,
    "review.withdrawn": reason,
    "restriction.set": _restriction,
    "share.given": _share,
    "purpose.stated": _purpose,
    "export.asked": _asked,
    "export.made": _export,
    "disposal.proposed": reason,
    "disposal.refused": reason,
}
