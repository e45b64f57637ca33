"""What goes from the catalogue with an item that is disposed of.

What stays: its row (what it was, for figures and for whoever asks where it went), its links, the receipts
that were given for it, its holds as history, and its events. Everything that was read out of it or written
about it goes in the same transaction as its tombstone.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, or_, select, update

from evidence.clips import clip_kind
from evidence.disposal import Tombstone
from evidence.timekeeping import to_micros
from storage.catalogue import codec
from storage.catalogue.access import leave_entries
from storage.catalogue.case_tables import links, purposes
from storage.catalogue.clips import SqlClips
from storage.catalogue.dossier_tables import coverings, particulars
from storage.catalogue.export_tables import export_items, exports
from storage.catalogue.fixity_tables import audits
from storage.catalogue.marks import SqlMarks
from storage.catalogue.replica_tables import replica_copies
from storage.catalogue.review_tables import (
    clip_sources,
    clips,
    mark_spans,
    marks,
    playback_items,
    reviews,
)
from storage.catalogue.search import SqlSearch
from storage.catalogue.search_tables import search_due
from storage.catalogue.tables import (
    alarms,
    descriptions,
    items,
    jobs,
    parts,
    recoveries,
    renditions,
    stills,
)


def bury(connection: Connection, proposal_id: str, tombstone: Tombstone) -> None:
    """Drop all that was made or said of the item, and mark its row."""
    item_id = tombstone.item_id
    SqlSearch(connection).drop(item_id)
    subjects = [select(table.c.id).where(table.c.item_id == item_id) for table in (stills, parts, recoveries)]
    connection.execute(
        delete(jobs).where(or_(jobs.c.subject == item_id, *(jobs.c.subject.in_(one) for one in subjects)))
    )
    for table in (
        search_due, audits, descriptions, renditions, parts, stills, recoveries, particulars, purposes,
        replica_copies,
    ):  # fmt: skip
        connection.execute(delete(table).where(table.c.item_id == item_id))
    _bury_review(connection, item_id)
    _bury_exports(connection, item_id, to_micros(tombstone.at))
    of_cases = select(links.c.case_id).where(links.c.item_id == item_id)
    connection.execute(
        delete(coverings).where(coverings.c.case_id.in_(of_cases), coverings.c.item_id == item_id)
    )
    at = to_micros(tombstone.at)
    connection.execute(
        update(alarms).where(alarms.c.subject == item_id, alarms.c.cleared_at.is_(None)).values(cleared_at=at)
    )
    connection.execute(
        update(items).where(items.c.id == item_id).values(disposed_at=at, disposed_in=proposal_id, held=False)
    )


def _bury_exports(connection: Connection, item_id: str, at: int) -> None:
    """What tells of it among exports goes as a whole: an archive with a hole in it would prove nothing."""
    holding = select(export_items.c.export_id).where(export_items.c.item_id == item_id)
    connection.execute(
        update(exports).where(exports.c.id.in_(holding), exports.c.gone_at.is_(None)).values(gone_at=at)
    )
    connection.execute(delete(jobs).where(jobs.c.subject.in_(holding)))


def _bury_review(connection: Connection, item_id: str) -> None:
    """What was marked, cut and said of it. That it was reviewed stays, for figures; the words go."""
    leave_entries(connection, SqlMarks(connection).beside([item_id]))
    marked = connection.execute(
        select(mark_spans.c.mark_id).where(mark_spans.c.item_id == item_id).distinct()
    ).scalars()
    named = list(marked)
    connection.execute(delete(mark_spans).where(mark_spans.c.mark_id.in_(named)))
    connection.execute(delete(marks).where(marks.c.id.in_(named)))
    connection.execute(delete(playback_items).where(playback_items.c.item_id == item_id))
    connection.execute(
        update(reviews).where(reviews.c.item_id == item_id).values(findings=codec.dump([]), note="")
    )
    for clip in SqlClips(connection).on([item_id]):
        # A clip shows something of each of its sources: it goes with the first of them that goes.
        connection.execute(
            delete(renditions).where(
                renditions.c.item_id == clip.item_id, renditions.c.kind == clip_kind(clip.id)
            )
        )
        connection.execute(delete(jobs).where(jobs.c.subject == clip.id))
        connection.execute(delete(clip_sources).where(clip_sources.c.clip_id == clip.id))
        connection.execute(delete(clips).where(clips.c.id == clip.id))
