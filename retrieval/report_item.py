"""The sections of a custody report about one item, in the order in which a judge reads them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evidence.canonical import Json
from evidence.cases import Case, Link
from evidence.items import Item, Rendition
from evidence.ports.exports import Checked
from evidence.proofs import ItemProof, Stamp
from evidence.report import (
    Block,
    Facts,
    Place,
    Row,
    Section,
    Sentence,
    Table,
    Told,
    place_of,
    told,
)  # fmt: skip
from evidence.schedules import NO_RULE
from evidence.timekeeping import from_text
from retrieval.report_events import happened, table_of
from retrieval.report_seen import seen
from retrieval.report_words import Words, clock, mapping


@dataclass(frozen=True, slots=True)
class ItemTold:
    """An item as a report tells of it: its row, what was found and made, and its events as far as shown.

    `withheld` are the events whose detail is kept and not shown; `cases` the live links, with their cases.
    """

    item: Item
    proof: ItemProof
    checked: Checked | None
    description: Mapping[str, Any] | None
    renditions: Sequence[Rendition]
    cases: Sequence[tuple[Link, Case]] = ()
    withheld: frozenset[str] = frozenset()
    #: The smallest stamped tree that holds its first event.
    stamp: Stamp | None = None
    #: Numbers of its recording's segments, first and last, of which the reader may see none.
    numbers: Sequence[tuple[int, int]] = ()


def item_sections(words: Words, told_of: ItemTold) -> list[Section]:
    """What the item is, then what happened to it; every event in its proof is in exactly one row."""
    at: dict[Place, list[Told]] = {place: [] for place in Place}
    for event in told(told_of.proof):
        at[place_of(event.type)].append(event)
    sections: list[tuple[str, list[Block]]] = [
        ("what", _what(words, told_of)),
        ("came", _came(words, told_of, at[Place.CAME])),
        ("lay", _lay(words, told_of, at[Place.LAY])),
        ("made", _made(words, told_of, at[Place.MADE])),
        ("noted", [*table_of(words, at[Place.NOTED], told_of.withheld)]),
        ("seen", seen(words, told_of.item, told_of.renditions, at, told_of.withheld)),
        ("missing", _missing(words, told_of, at)),
    ]
    return [
        Section(2, f"{number} {words.say(key)}", blocks)
        for number, (key, blocks) in enumerate(((key, blocks) for key, blocks in sections if blocks), 1)
    ]


def _what(words: Words, one: ItemTold) -> list[Block]:
    item = one.item
    blocks: list[Block] = []
    if item.disposed_at is not None:
        blocks.append(Sentence(words.say("disposed-loud", at=words.stamped(item.disposed_at)), loud=True))
    linked = [
        words.say("linked", number=case.number, at=words.when(link.made_at)) for link, case in one.cases
    ]
    rows = [
        ("item", item.id),
        ("linked-cases", words.listed(linked) or words.say("no-case")),
        ("unit", item.unit),
        ("kind", f"{words.one_of('kind', item.kind)} ({item.media_type})"),
        ("size", words.say("size-text", size=words.size(item.size))),
        ("sha256", item.sha256),
    ]
    if (length := mapping(item.summary).get("duration_ms")) is not None:
        rows.append(("length", clock(int(length) // 100)))
    return [*blocks, facts(words, rows)]


def _came(words: Words, one: ItemTold, events: list[Told]) -> list[Block]:
    item, said = one.item, one.item.submission
    segment = None
    if said.recording is not None:
        segment = words.say("segment", recording=said.recording, segment=words.stated(said.segment))
    rows = [
        ("filename", said.filename),
        ("sent-by", words.who(item.agent_id)),
        ("officer", words.stated(said.officer)),
        ("device", words.stated(said.device)),
        ("recording", words.stated(segment)),
        ("medium", words.listed([said.medium or "", words.one_of("by", said.method)])),
        ("received-at", words.stamped(item.committed_at)),
        ("trusted-time", _trusted(words, one.stamp)),
    ]
    blocks: list[Block] = [facts(words, rows)]
    if said.sha256 is None:
        blocks.append(Sentence(words.say("digest-not-compared")))
    elif said.sha256 == item.sha256:
        blocks.append(Sentence(words.say("digest-compared")))
    else:
        blocks.append(Sentence(words.say("digest-differs", claimed=said.sha256), loud=True))
    if item.salvaged is not None:
        blocks.append(Sentence(words.say("salvaged", reason=item.salvaged), loud=True))
    return [*blocks, *_clocks(words, one), *table_of(words, events, one.withheld)]


def _trusted(words: Words, stamp: Stamp | None) -> str:
    if stamp is None:
        return words.say("self-asserted")
    if stamp.authority is None:
        return words.say("self-stamped", at=words.stamped(stamp.at))
    return words.say("stamped", authority=stamp.authority, at=words.stamped(stamp.at))


def _clocks(words: Words, one: ItemTold) -> list[Block]:
    found = [
        (
            words.one_of("clock", each.source),
            each.value,
            each.zone or words.say("no-zone"),
            words.one_of("marks", each.marks),
        )
        for each in one.item.submission.times
    ]
    for each in mapping(mapping(one.description).get("facts")).get("clocks", ()):
        zone = words.say("is-utc") if each.get("is_utc") else each.get("zone") or words.say("no-zone")
        marks = words.one_of("marks", each.get("marks", "unknown"))
        found.append((words.one_of("clock", each.get("source")), str(each.get("value")), str(zone), marks))
    if not found:
        return [Sentence(words.say("no-clocks"))]
    head = tuple(map(words.say, ("clock-source", "clock-value", "clock-zone", "clock-marks")))
    return [Sentence(words.say("clocks")), Table(head, (28, 32, 20, 20), [Row(cells) for cells in found])]


def _lay(words: Words, one: ItemTold, events: list[Told]) -> list[Block]:
    item, found = one.item, one.item.read_back
    rows = []
    if item.disposed_at is None:
        until = words.say("without-end") if item.keep_until is None else words.stamped(item.keep_until)
        rows = [
            ("locked-until", words.say("locked-text", at=words.stamped(item.locked_until))),
            ("kept-until", until),
            ("basis", words.basis(item.keep_basis or NO_RULE.basis)),
            ("held", words.say("is-held" if item.held else "not-held")),
        ]
    if found is None:
        rows.append(("read-back", words.say("not-read-back")))
    else:
        method = words.one_of("method", found["method"])
        at = words.stamped(from_text(str(found["at"])))
        rows.append(("read-back", words.say("read-back-text", at=at, method=method)))
        rows += [(name, str(found[name])) for name in ("sha512", "sm3")]
    return [facts(words, rows), *table_of(words, events, one.withheld)]


def _made(words: Words, one: ItemTold, events: list[Told]) -> list[Block]:
    made = [event for event in events if event.type == "rendition.made"]
    rest = [event for event in events if event.type != "rendition.made"]
    blocks: list[Block] = [Sentence(words.say("made-lead" if made else "none-made"))]
    if made:
        head = tuple(map(words.say, ("when", "made-what", "made-how", "made-digest")))
        rows = [Row(_made_cells(words, one, event), (event.id,)) for event in made]
        blocks.append(Table(head, (18, 18, 32, 32), rows))
    return [*blocks, *table_of(words, rest, one.withheld)]


def _made_cells(words: Words, one: ItemTold, event: Told) -> tuple[str, ...]:
    sha256 = event.digests.get("sha256", "")
    if event.detail is None:
        return words.when(event.at), happened(words, event, one.withheld), "", sha256
    how = mapping(event.detail.get("provenance"))
    size = words.say("size-text", size=words.size(int(event.detail.get("size", 0))))
    kind = words.kind_of(str(event.detail.get("kind")))
    return words.when(event.at), kind, words.listed(_how(words, how)), f"{size} {sha256}"


def _how(words: Words, how: Mapping[str, Any]) -> Iterable[str]:
    if "tool" in how:
        yield words.say("by-tool", tool=how["tool"], version=words.stated(how.get("version")))
    encoded = how.get("encoded")
    if isinstance(encoded, Mapping):
        if anew := words.listed(_streams(words, encoded, anew=True)):
            yield words.say("encoded", streams=anew)
            if kept := words.listed(_streams(words, encoded, anew=False)):
                yield words.say("copied-some", streams=kept)
        else:
            yield words.say("copied")
    if hidden := how.get("not_shown"):
        yield words.say(
            "not-shown", streams=words.listed(words.say("stream", number=each) for each in hidden)
        )
    if streams := how.get("streams"):
        equal = sum(mapping(each).get("equal") is True for each in streams)
        yield words.say("equal-streams", equal=equal, count=len(streams))
    if how.get("errors"):
        yield words.say("errors", count=how["errors"])
    if how.get("flaws_in_source"):
        yield words.say("flaws", count=how["flaws_in_source"])


def _streams(words: Words, encoded: Mapping[str, Any], *, anew: bool) -> Iterable[str]:
    for name, done in encoded.items():
        if bool(done) is anew:
            yield words.say(name) if words.knows(name) else str(name)


def _missing(words: Words, one: ItemTold, at: Mapping[Place, list[Told]]) -> list[Block]:
    events = told(one.proof)
    blocks: list[Block] = [*table_of(words, at[Place.GONE], one.withheld)]
    if one.numbers:
        blocks.append(Sentence(words.say("numbers", numbers=_numbers(words, one.numbers))))
    blocks += missing_details(words, [details_missing(one)])
    if events and events[0].number:
        blocks.append(Sentence(words.say("events-before", count=events[0].number), loud=True))
    if one.proof.waiting:
        blocks.append(Sentence(words.say("events-waiting", count=one.proof.waiting)))
    return blocks or [Sentence(words.say("nothing-missing"))]


def details_missing(one: ItemTold) -> tuple[int, int]:
    """How many events show no detail: withheld, and not kept any more."""
    absent = sum(event.detail is None for event in one.proof.events)
    return len(one.withheld), absent - len(one.withheld)


def missing_details(words: Words, counted: Sequence[tuple[int, int]]) -> list[Block]:
    """The sum of these, by why."""
    found = [
        ("details-withheld", sum(withheld for withheld, _ in counted)),
        ("details-gone", sum(gone for _, gone in counted)),
    ]
    return [Sentence(words.say(key, count=count)) for key, count in found if count]


def missing_numbers(words: Words, segments: Sequence[Json]) -> list[Block]:
    """A sentence for each recording whose numbered segments have holes."""
    blocks: list[Block] = []
    for line in segments:
        one = mapping(line)
        numbers = _numbers(words, one["segments"])
        blocks.append(
            Sentence(
                words.say(
                    "segments",
                    device=one["device"],
                    recording=one["recording"],
                    numbers=numbers,
                )
            )
        )
    return blocks


def _numbers(words: Words, runs: Iterable[Sequence[int]]) -> str:
    return words.listed(str(first) if first == last else f"{first}–{last}" for first, last in runs)


def wrong_item(words: Words, item_id: str, checked: Checked, count: int) -> list[Sentence]:
    """What of an item's `count` events does not prove; nothing where all is well."""
    if checked.failed:
        text = words.say("checked-wrong", item=item_id, failed=checked.failed, count=count)
        return [Sentence(text, loud=True)]
    if not checked.unbroken:
        return [Sentence(words.say("chain-broken", item=item_id), loud=True)]
    return []


def checked_item(words: Words, one: ItemTold) -> list[Sentence]:
    """What the server found when it checked the item's events, as its own word."""
    if one.checked is None:
        return [Sentence(words.say("not-checked"), loud=True)]
    events = told(one.proof)
    wrong = wrong_item(words, one.item.id, one.checked, len(events))
    if wrong or not events:
        return wrong
    first, last = events[0].number, events[-1].number
    return [Sentence(words.say("checked-text", count=len(events), first=first, last=last))]


def checked_head(
    words: Words, checked: Checked | None, witnessed: int | None, *, exported: bool
) -> list[Block]:
    """The head of the log to which all of it leads, and how anybody checks that.

    `witnessed` is the size of the newest head that enough witnesses have cosigned.
    """
    blocks: list[Block] = []
    if checked is not None:
        signed = words.say("not-cosigned")
        if checked.cosigned:
            signed = words.say("cosigned-text", count=checked.cosigned)
        elif witnessed is not None:
            signed = words.say("witnessed-text", size=words.size(witnessed))
        rows = [
            ("origin", checked.origin),
            ("tree-size", words.size(checked.size)),
            ("root", checked.root),
            ("cosigned", signed),
            ("key", checked.key),
        ]
        blocks.append(facts(words, rows))
    keys = ("how-export" if exported else "how", "not-proven")
    return [*blocks, *(Sentence(words.say(key)) for key in keys)]


def facts(words: Words, rows: Iterable[tuple[str, str]]) -> Facts:
    """Values beside the catalogue's words for their keys."""
    return Facts([(words.say(key), value) for key, value in rows])
