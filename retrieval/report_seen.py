"""Who saw what: one line for each person and sitting, and everything that is only counted. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evidence.items import Item, Rendition
from evidence.ranges import total
from evidence.report import SITTING, Block, Place, Row, Sentence, Sitting, Table, Told, sittings
from retrieval.report_events import named, table_of
from retrieval.report_words import Words, clock, mapping


def seen(
    words: Words,
    item: Item,
    renditions: Sequence[Rendition],
    at: Mapping[Place, list[Told]],
    withheld: frozenset[str],
) -> list[Block]:
    """Sittings, exports, who was let see it, and looks by count; `at`: the item's events by their place."""
    blocks: list[Block] = [Sentence(words.say("seen-lead", minutes=SITTING.seconds // 60))]
    kinds = {rendition.id: rendition.kind for rendition in renditions}
    kinds |= {
        str(event.detail.get("rendition")): str(event.detail.get("kind"))
        for event in at[Place.MADE]
        if event.type == "rendition.made" and event.detail is not None
    }
    exports = {export for event in at[Place.TAKEN] for export in event.subjects.get("export", ())}
    found = sittings(at[Place.SITTING], item.id)
    if found:
        head = tuple(map(words.say, ("person", "sitting", "opened", "sent", "watched")))
        rows = [Row(_sitting(words, item, each, kinds, exports), tuple(each.events)) for each in found]
        blocks.append(Table(head, (16, 18, 30, 16, 20), rows))
    else:
        blocks.append(Sentence(words.say("nobody")))
    for key, place in (("taken", Place.TAKEN), ("sight", Place.SIGHT)):
        if at[place]:
            blocks += [Sentence(words.say(key)), *table_of(words, at[place], withheld)]
    if at[Place.COUNTED]:
        blocks += [Sentence(words.say("counted")), counted(words, at[Place.COUNTED])]
    return blocks


def _sitting(
    words: Words, item: Item, sitting: Sitting, kinds: Mapping[str, str], exports: set[str]
) -> tuple[str, ...]:
    opened = [_content(words, item, sitting, name, kinds, exports) for name in sitting.content]
    purposes = [words.say("for", purpose=purpose) for purpose in sitting.purposes]
    played = [words.say("player")] if sitting.played else []
    silent = [words.say("silent", count=sitting.silent)] if sitting.silent else []
    # Of a playback session alone, or where no detail is shown, nothing is known of bytes.
    sent = [words.say("sent-text", size=words.size(sitting.sent))] if sitting.content else []
    if sitting.unknown:
        sent.append(words.say("sent-unknown", count=sitting.unknown))
    if sitting.open > 0:
        sent.append(words.say("still-open", count=sitting.open))
    length = int(mapping(item.summary).get("duration_ms") or 0)
    if sitting.watched:
        shown = words.ranges(sitting.watched)
        watched = words.say("watched-of", ranges=shown, length=clock(length // 100)) if length else shown
    elif sitting.silent:
        watched = words.stated(None)
    else:
        watched = words.say("told-nothing" if sitting.played else "no-player")
    return (
        words.who(sitting.agent),
        words.between(sitting.first, sitting.last),
        words.listed([*dict.fromkeys(opened), *played, *purposes, *silent]),
        words.stated(words.listed(sent)),
        watched,
    )


def _content(
    words: Words,
    item: Item,
    sitting: Sitting,
    name: str,
    kinds: Mapping[str, str],
    exports: set[str],
) -> str:
    if name == "original":
        return words.say("original-whole" if total(sitting.original) == item.size else "original")
    if name in exports:
        return words.say("an-export")
    return words.kind_of(kinds[name]) if name in kinds else words.say("gone-copy")


def counted(words: Words, events: list[Told], group: str = "") -> Table:
    """A row for each person and kind of look: how often, and between when; in the words of `group` first."""
    found_by: dict[tuple[str | None, str], list[Told]] = {}
    for event in events:
        found_by.setdefault((event.agent, event.type), []).append(event)
    rows = [
        Row(
            (
                words.who(agent),
                words.say(group + kind) if words.knows(group + kind) else named(words, kind),
                str(len(found)),
                # The log's order is not that of several processes' clocks.
                words.between(min(one.at for one in found), max(one.at for one in found)),
            ),
            tuple(event.id for event in found),
        )
        for (agent, kind), found in found_by.items()
    ]
    head = tuple(map(words.say, ("person", "also", "count", "between")))
    return Table(head, (22, 32, 8, 38), rows)
