"""Events put into the log: their order, their chains, and what they add to the tree. Pure.

Invariants: equal events after an equal head give equal leaves; each leaf names the one before it of each of
its subjects, so that one left out shows in the next.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from custody.tiles import LONGEST_ENTRY
from custody.tree import Frontier
from evidence.leaf import ChainLink, chains_text, leaf_around, leaf_hash, subjects_of
from evidence.ports.log import LeafRow, LogHead, Queued, Sequenced

_TILE_HEIGHT = 8


class NotAnEvent(ValueError):
    """A row of the queue holds what no emitter wrote; `event_id` names it."""

    def __init__(self, event_id: str, why: str) -> None:
        super().__init__(why)
        self.event_id = event_id


def subjects_in(queued: Sequence[Queued]) -> Mapping[str, Sequence[str]]:
    """By event the subjects that it names, sorted; raises NotAnEvent."""
    found = {}
    for one in queued:
        try:
            found[one.event_id] = subjects_of(one.data)
        except ValueError as error:
            raise NotAnEvent(one.event_id, str(error)) from error
    return found


def sequence(
    head: LogHead,
    queued: Sequence[Queued],
    subjects: Mapping[str, Collection[str]],
    last: Mapping[str, tuple[int, bytes]],
) -> Sequenced:
    """What these events add to the log, in their order; there is at least one.

    `subjects` are those of each event, `last` is the last leaf of each of them so far. Raises NotAnEvent for
    one whose leaf would be too long.
    """
    frontier = Frontier(head.size, [*head.peaks])
    latest = dict(last)
    changed: dict[str, tuple[int, bytes]] = {}
    leaves, nodes = [], []
    for one in queued:
        named = sorted(subjects[one.event_id])
        chains = chains_text([_link(subject, latest.get(subject)) for subject in named])
        entry = leaf_around(one.data, chains)
        if len(entry) > LONGEST_ENTRY:
            raise NotAnEvent(one.event_id, f"its leaf would have {len(entry)} bytes")
        made = leaf_hash(entry)
        leaves.append(LeafRow(frontier.size, one.event_id, chains, made))
        for subject in named:
            before = latest.get(subject)
            latest[subject] = changed[subject] = (0 if before is None else before[0] + 1, made)
        nodes += [
            (node.level // _TILE_HEIGHT, node.number, found)
            for node, found in frontier.append(made)
            if node.level and node.level % _TILE_HEIGHT == 0
        ]
    return Sequenced([one.seq for one in queued], leaves, nodes, changed, frontier.peaks)


def _link(subject: str, before: tuple[int, bytes] | None) -> ChainLink:
    if before is None:
        return ChainLink(subject, 0, None)
    return ChainLink(subject, before[0] + 1, before[1].hex())
