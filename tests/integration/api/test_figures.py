"""Figures as somebody with a browser's requests meets them."""

from __future__ import annotations

import pytest

from evidence.agents import Role
from tests.integration.api.test_cases import opened, photo
from tests.serving.inside import Inside


def test_a_supervisor_sees_the_unit_and_an_officer_their_own(bureau: Inside) -> None:
    supervisor, officer = bureau.client(Role.SUPERVISOR), bureau.another(Role.OFFICER)
    items = [officer.kept(photo(), f"{n}.png", officer="P1", category="penalty") for n in range(2)]
    bureau.another(Role.OFFICER).kept(photo(), "c.png", officer="P2")
    bureau.client(Role.OFFICER, "south").kept(photo(), "d.png")
    supervisor.post(f"/cases/{opened(supervisor)}/links", {"items": items[:1]})
    found = supervisor.get("/figures?by=officer").json()
    assert [(row["value"], row["items"], row["tagged"]) for row in found["rows"]] == [
        ("P1", 2, 1),
        ("P2", 1, 0),
    ]
    assert (found["total"]["items"], found["total"]["holes"], found["more"]) == (3, None, False)
    own = officer.get("/figures?by=category").json()
    assert [(row["value"], row["items"]) for row in own["rows"]] == [("penalty", 2)]
    sealing = {"restriction": "sealed", "named": [officer.get("/session").json()["username"]], "reason": "r"}
    supervisor.post(f"/items/{items[0]}/restriction", sealing)
    for client in (supervisor, officer):
        assert client.get("/figures?by=officer&officer=P1").json()["total"]["items"] == 1
    last = bureau.events("list.shown")[-1]
    assert last["detail"] == {"of": "figures", "query": {"by": "officer", "officer": "P1"}}
    assert bureau.do(bureau.services.catalogue.read(lambda tx: tx.figures.difference())) == 0


@pytest.mark.parametrize(
    ("asked", "code"),
    [("by=x", "bad-dimension"), ("since=x", "bad-day"), ("since=2026-02-02&until=2026-02-01", "bad-period")],
)  # fmt: skip
def test_what_cannot_be_counted_is_refused(bureau: Inside, asked: str, code: str) -> None:
    answer = bureau.client(Role.SUPERVISOR).get(f"/figures?{asked}")
    assert (answer.status, answer.code) == (400, code)


def test_nobody_else_is_told_any_figure(bureau: Inside) -> None:
    for role in (Role.AUDITOR, Role.ADMINISTRATOR, Role.STATION):
        assert bureau.client(role).get("/figures").status == 404
