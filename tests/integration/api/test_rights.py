"""Every route, for every role, on one's own things, one's unit's, another unit's, and what is sealed.

A route without a row in the table fails here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.routes import ROUTES
from evidence.agents import Role
from tests.serving.client import OCTETS, TUS, Client, metadata
from tests.serving.inside import Inside, served_inside

ROLES = (
    Role.OFFICER, Role.REVIEWER, Role.ARCHIVIST, Role.LEGAL_REVIEWER,
    Role.SUPERVISOR, Role.AUDITOR, Role.ADMINISTRATOR, Role.STATION,
)  # fmt: skip
#: The table that a lawyer can read.
TABLE = Path(__file__).with_name("rights.txt")
SITUATIONS = ("own", "unit", "other", "sealed")
#: About whoever asks, and nobody else.
ONES_OWN = {
    "POST /session", "GET /session", "DELETE /session", "OPTIONS /uploads", "DELETE /searches/{search}",
}  # fmt: skip
#: What is answered to anybody.
OPEN = {
    "GET /healthz", "GET /readyz", "GET /metrics", "GET /", "GET /static/{name:.+}",
    "GET /log/checkpoint", "GET /log/key", "GET /log/tile/{path:.+}", "GET /log/consistency",
    "GET /log/stamps", "GET /log/witnessed", "GET /log/keys",
}  # fmt: skip
#: What a route cannot do without.
_QUERIES = {"/gaps": "?device=CAM&day=2026-11-25&zone=Z", "/search/suggest": "?text=a"}
_STRETCH = {"from_ms": 0, "to_ms": 1000}
_EXPORT = {"profile": "court", "reason": "r", "renditions": []}
_FRAME = {"since": "2020-01-01T00:00:00Z", "count": 1, "reason": "r"}
_KINDS = ("track-2", "still-0", "recovered", "part-0", "part-1", "preview")


@dataclass(frozen=True)
class Scene:
    """A server, one thing of each kind in each situation, and somebody of each role."""

    server: Inside
    things: Mapping[str, Mapping[str, str]]
    guest: str

    def change(self, statement: str, *values: object) -> None:
        """Straight in the catalogue: no role could arrange all of this."""
        self.server.do(
            self.server.services.catalogue.write(
                lambda tx: tx.connection.exec_driver_sql(statement, values)  # type: ignore[attr-defined]
            )
        )

    def give(self, client: Client) -> None:
        """Make `own` and `sealed` theirs, and undo what the one before did."""
        me = client.get("/session").json()["id"]
        for situation in ("own", "sealed"):
            things = self.things[situation]
            self.change("UPDATE items SET agent_id = ?1, owner_id = ?1 WHERE id = ?2", me, things["item"])
            self.change("UPDATE uploads SET agent_id = ? WHERE id = ?", me, things["upload"])
            self.change("UPDATE cases SET opened_by = ? WHERE id = ?", me, things["case"])
            self.change("UPDATE notes SET agent_id = ? WHERE id = ?", me, things["note"])
            for table, name in (("marks", "mark"), ("reviews", "review"), ("playbacks", "playback")):
                self.change(f"UPDATE {table} SET agent_id = ? WHERE id = ?", me, things[name])
            self.change("UPDATE disposals SET proposed_by = ? WHERE id = ?", me, things["disposal"])
        self.restore()

    def restore(self) -> None:
        """What was withdrawn is not."""
        self.change("UPDATE notes SET withdrawn_at = NULL, withdrawn_by = NULL, withdrawn_for = NULL")
        for table in ("marks", "reviews"):
            self.change(f"UPDATE {table} SET withdrawn_at = NULL, withdrawn_by = NULL, withdrawn_for = NULL")
        self.change("UPDATE playbacks SET closed_at = NULL")
        self.change("DELETE FROM excuses")
        self.change("UPDATE shares SET withdrawn_at = NULL")
        self.change("UPDATE holds SET lifted_at = NULL, lifted_by = NULL, lifted_for = NULL")
        self.change("UPDATE disposals SET state = 'proposed', refused_by = NULL, approvals = '[]'")
        self.change("UPDATE schedules SET approved_by = '[]', in_force_at = NULL")
        self.change("UPDATE links SET withdrawn_at = NULL, withdrawn_by = NULL, withdrawn_for = NULL")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, clip: Path) -> Iterator[Scene]:
    """Everything that a route can be asked about."""
    with served_inside(tmp_path_factory.mktemp("rights") / "data") as server:
        guest = server.another(Role.REVIEWER, "elsewhere").get("/session").json()["username"]
        named = server.another(Role.REVIEWER).get("/session").json()["username"]
        things: dict[str, dict[str, str]] = {}
        for number, situation in enumerate(SITUATIONS):
            unit = "south" if situation == "other" else "north"
            supervisor = server.client(Role.SUPERVISOR, unit)
            upload = supervisor.send(clip.read_bytes() + bytes(number), f"{situation}.mp4")
            item = supervisor.committed(upload)
            case = supervisor.post("/cases", {"number": situation}).json()["id"]
            supervisor.post(f"/cases/{case}/links", {"items": [item]})
            (link,) = supervisor.get(f"/cases/{case}").json()["links"]
            share = supervisor.post(
                f"/items/{item}/shares",
                {"username": guest, "until": "2027-01-01T00:00:00Z", "reason": "r"},
            )
            hold = supervisor.post(f"/items/{item}/holds", {"reason": "r", "authority": "a"})
            made = {
                "mark": supervisor.post(f"/items/{item}/marks", _STRETCH | {"label": "l"}),
                "clip": supervisor.post(f"/items/{item}/clips", _STRETCH | {"reason": "r"}),
                "playback": supervisor.post("/playbacks", {"item": item}),
                "review": server.client(Role.REVIEWER, unit).post(
                    f"/items/{item}/reviews", {"outcome": "in-order"}
                ),
                "sample": supervisor.post("/samples", _FRAME),
                "export": supervisor.post(f"/items/{item}/exports", _EXPORT),
            }
            things[situation] = {
                **{name: answer.json()["id"] for name, answer in made.items()},
                "hold": hold.json()["id"],
                "recording": supervisor.get(f"/items/{item}/recording").json()["id"],
                "version": "1",
                "search": "none",
                "note": supervisor.post(f"/cases/{case}/notes", {"text": "t"}).json()["id"],
                "code": "site-inspection",
                "category": "other",
                "item": item,
                "case": case,
                "link": link["id"],
                "share": share.json().get("id", "none"),
                "disposal": item[:-4] + "0000",
                "upload": upload.rpartition("/")[2],
                "track": "2",
                "at_us": "0",
                "number": "1",
                "username": guest,
                "name": "export",
            }
        server.client(Role.SUPERVISOR, "south").post(
            "/schedules", {"rules": [{"days": 100, "basis": "b"}], "reason": "r"}
        )
        found = Scene(server, things, guest)
        for situation in SITUATIONS:
            item = things[situation]["item"]
            for kind in _KINDS:
                found.change(
                    "INSERT INTO renditions SELECT ? || '-' || id, item_id, ?, key, media_type, size, sha256,"
                    " made_at, provenance, layout FROM renditions WHERE item_id = ? AND kind = 'playable'",
                    kind[:4] + kind[-1], kind, item,
                )  # fmt: skip
            for part in (0, 1):
                found.change(
                    "INSERT INTO parts VALUES (?, ?, ?, 0, 12000000, '{}', 1, NULL)",
                    f"{situation}-{part}", item, part,
                )  # fmt: skip
            found.change(
                "INSERT INTO disposals (id, unit, reason, salt, proposed_by, proposed_at, state, approvals)"
                " SELECT ?, unit, 'r', zeroblob(32), agent_id, 0, 'proposed', '[]' FROM items WHERE id = ?",
                things[situation]["disposal"], item,
            )  # fmt: skip
            found.change("INSERT INTO disposal_items VALUES (?, ?, NULL, NULL)", item[:-4] + "0000", item)
        sealing = {"restriction": "sealed", "named": [named], "reason": "r"}
        closed = things["sealed"]
        supervisor = server.client(Role.SUPERVISOR)
        for path in (f"/items/{closed['item']}/restriction", f"/cases/{closed['case']}/restriction"):
            answer = supervisor.post(path, sealing)
            assert answer.status == 204, answer.body
        server.bell.answers = False
        yield found


def _body(path: str, things: Mapping[str, str], guest: str) -> object:
    """What is asked: allowed, it changes nothing that the next one would notice."""
    return {
        "/uploads/{upload}/salvage": {"reason": "r"},
        "/items/{item}/stills": {"at_us": 0},
        "/items/{item}/recovery": {"sibling": things["item"]},
        "/items/{item}/restriction": {"restriction": "none", "reason": "r"},
        "/cases/{case}/restriction": {"restriction": "none", "reason": "r"},
        "/items/{item}/shares": {"username": guest, "until": "2027-01-01T00:00:00Z", "reason": "r"},
        "/cases/{case}/shares": {"username": guest, "until": "2027-01-01T00:00:00Z", "reason": "r"},
        "/items/{item}/purpose": {"purpose": "p"},
        "/cases": {"number": "own"},
        "/cases/{case}/detail": {"title": "t"},
        "/cases/{case}/state": {"state": "open", "about": "a"},
        "/cases/{case}/join": {"into": things["case"], "reason": "r"},
        "/cases/{case}/people": {"username": guest},
        "/cases/{case}/links": {"items": [things["item"]], "preview": True},
        "/links/{link}/withdrawal": {"reason": "r"},
        "/holds/{hold}/lifting": {"reason": "r"},
        "/items/{item}/holds": {"reason": "r", "authority": "a"},
        "/cases/{case}/holds": {"reason": "r", "authority": "a"},
        "/search/csv": {"query": {}},
        "/searches": {"name": "n", "query": {}},
        "/items/{item}/particulars": {"maker": "m"},
        "/cases/{case}/notes": {"text": "t"},
        "/notes/{note}/withdrawal": {"reason": "r"},
        "/cases/{case}/checklist/{code}/covering": {"items": [things["item"]]},
        "/cases/{case}/checklist/{code}/uncovering": {"items": [things["item"]]},
        "/cases/{case}/checklist/{code}/excuse": {"reason": "r"},
        "/form": {"fields": []},
        "/checklists/{category}": {"entries": [{"code": "c", "stage": "s", "item": "i", "required": True}]},
        "/items/{item}/marks": _STRETCH | {"label": "l"},
        "/recordings/{recording}/marks": _STRETCH | {"label": "l"},
        "/marks/{mark}/withdrawal": {"reason": "r"},
        "/playbacks": {"item": things["item"]},
        "/playbacks/{playback}/watched": {"spans": [_STRETCH | {"item": things["item"]}]},
        "/items/{item}/clips": _STRETCH | {"reason": "r"},
        "/recordings/{recording}/clips": _STRETCH | {"reason": "r"},
        "/items/{item}/reviews": {"outcome": "in-order"},
        "/reviews/{review}/withdrawal": {"reason": "r"},
        "/items/{item}/exports": _EXPORT,
        "/cases/{case}/exports": _EXPORT,
        "/samples": _FRAME,
        "/disposals": {"items": [things["item"]], "reason": "r", "preview": True},
        "/disposals/{disposal}/refusal": {"reason": "r"},
        "/schedules": {"rules": [{"days": 9, "basis": "b"}], "reason": "r"},
    }.get(path, {})


def _asked(client: Client, method: str, path: str, things: Mapping[str, str], guest: str) -> bool:
    """Whether the route answers as if there were something."""
    where = path.format_map(things) + _QUERIES.get(path, "")
    headers: dict[str, str] = {}
    body: bytes | None = None
    if path.startswith("/uploads"):
        headers = {**TUS, "Upload-Length": "1", "Upload-Metadata": metadata(filename="x")}
        if method == "PATCH":
            headers |= {"Content-Type": OCTETS, "Upload-Offset": "0"}
    if method in ("POST", "PUT") and path != "/uploads":
        body = json.dumps(_body(path, things, guest)).encode()
        headers["Content-Type"] = "application/json"
    if path == "/progress":
        with client.asking(method, where) as stream:
            return stream.status != 404
    answer = client.ask(method, where, body, headers)
    assert answer.status < 500, (method, path, answer.body)
    return answer.status != 404 or (bool(answer.body) and answer.code != "not-found")


def _found(scene: Scene) -> dict[str, list[str]]:
    """The table as the server answers it."""
    cells: dict[str, list[str]] = {}
    for role in ROLES:
        client = scene.server.another(role)
        scene.give(client)
        for route in ROUTES:
            name = f"{route.method} {route.path}"
            if name in ONES_OWN | OPEN:
                continue
            about = SITUATIONS if "{" in route.path else SITUATIONS[:1]
            cell = ""
            for situation in about:
                answered = _asked(client, route.method, route.path, scene.things[situation], scene.guest)
                cell += "y" if answered else "-"
                scene.restore()
            cells.setdefault(name, []).append(cell)
    return cells


def _expected() -> dict[str, list[str]]:
    _, _, _, _, *rows = TABLE.read_text().splitlines()
    return {" ".join(row.split()[:2]): row.split()[2:] for row in rows}


def test_every_route_has_a_row() -> None:
    routes = {f"{route.method} {route.path}" for route in ROUTES}
    assert routes == _expected().keys() | ONES_OWN | OPEN


def test_the_server_answers_as_the_table_says(scene: Scene) -> None:
    assert _found(scene) == _expected()
