"""How SQLite goes about the questions of disposal: what went long ago costs none of them anything."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from evidence.access import Viewer
from evidence.disposal import Notice, Proposal
from evidence.ids import new_id
from tests.contract.test_catalogue import AGENT, NOW
from tests.searching import searching, statements


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[str, str]]]:
    """Each step of each plan, with its statement."""
    with searching(tmp_path_factory.mktemp("plans") / "c.db") as tx:
        viewer = Viewer(AGENT.id, AGENT.unit, False, NOW)
        ids = [new_id(NOW) for _ in range(3)]
        with statements(tx.connection) as seen:
            tx.disposals.get(ids[0])
            tx.disposals.page(viewer, before=ids[0], limit=9)
            tx.disposals.open()
            tx.disposals.due(viewer, NOW, before=None, limit=9)
            tx.disposals.proposed(ids)
            tx.disposals.busy(ids)
            tx.disposals.outcomes(ids[0])
            tx.disposals.times(ids[0])
            tx.disposals.units_due(NOW)
            tx.disposals.falling_due("u", NOW, 9)
            tx.disposals.last_notice("u")
            tx.disposals.notices(viewer, 9)
            tx.retention.untold_holds(9)
            tx.retention.behind(3, 9)
            tx.retention.to_renew(NOW, 9)
            tx.links.unlinked(viewer, before=None, limit=9)
            tx.items.page(viewer, before=None, limit=9)
            tx.disposals.settle(Proposal(ids[0], "u", "r", AGENT.id, NOW, (), b""))
            tx.disposals.add_notice(Notice(ids[0], "u", NOW, NOW + timedelta(days=1), ()))
        found = []
        for statement, parameters in seen:
            if statement.startswith("INSERT"):
                continue
            rows = tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()  # type: ignore[arg-type]
            found += [(statement, row[3]) for row in rows]
        yield found


def test_no_table_is_looked_through(plans: list[tuple[str, str]]) -> None:
    assert len(plans) > 20
    for statement, step in plans:
        # What was just found, or an index of nothing but what is asked for, may be read from end to end.
        small = ("ix_items_untold_holds", "SCAN (", "SCAN anon_", "SCAN CONSTANT ROW")
        assert not step.startswith("SCAN") or any(one in step for one in small), (step, statement)


@pytest.mark.parametrize(
    "index",
    [
        "ix_items_keep_until",
        "ix_items_schedule_version_id",
        "ix_items_fully_locked_locked_until",
        "ix_items_untold_holds",
        "ix_disposals_unit_id",
        "ix_disposals_state_id",
    ],
)
def test_each_index_is_there_for_something(plans: list[tuple[str, str]], index: str) -> None:
    assert any(index in step for _, step in plans)
