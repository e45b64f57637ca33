"""An office at which recordings came in 300 days ago and are due by now, and whoever disposes of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from cases.disposing import Carried, Disposing
from custody.trusted_time import TimeAuthorities, read_roots
from custos.clock import SystemClock
from custos.keeping_sections import ReplicaSettings
from evidence.agents import Agent, Role
from storage.objects.disposer import FilesystemDisposer
from tests.fault.scenario import Shift
from tests.integration.api.test_cases import photo
from tests.integration.api.test_retention import HALF_A_YEAR, in_force
from tests.serving.inside import Inside, served_inside
from tests.time_authority import TimeAuthority

LONG_AGO = timedelta(days=300)


@dataclass
class Office:
    """A server at which recordings came in 300 days ago, under a schedule of half a year."""

    server: Inside
    authority: TimeAuthority
    items: list[str]

    @property
    def disposing(self) -> Disposing:
        services = self.server.services
        return Disposing(
            services.catalogue,
            services.store,
            FilesystemDisposer(self.server.data / "store"),
            services.index,
            TimeAuthorities(read_roots({self.authority.url: str(self.authority.root)})),
            services.signer,
            SystemClock(),
        )

    def run(self, proposal: str) -> Carried:
        return self.server.do(self.disposing.carry_out(proposal))

    def proposed(self, *items: str) -> str:
        answer = self.server.client(Role.ARCHIVIST).post("/disposals", {"items": items, "reason": "到期"})
        assert answer.status == 201, answer.body
        found: str = answer.json()["disposal"]["id"]
        return found

    def approved(self, *items: str) -> str:
        proposal = self.proposed(*items)
        for role in (Role.SUPERVISOR, Role.LEGAL_REVIEWER):
            assert self.server.client(role).ask("POST", f"/disposals/{proposal}/approval").status == 200
        return proposal

    def files(self) -> list[str]:
        root = self.server.data / "store" / "objects"
        found = [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]
        return sorted(one for one in found if not one.startswith("disposals/"))

    def row(self, query: str, *values: object) -> Any:
        catalogue = self.server.services.catalogue
        return self.server.do(
            catalogue.write(lambda tx: tx.connection.exec_driver_sql(query, values).fetchall())  # type: ignore[attr-defined]
        )

    def fates(self, *items: str) -> list[str]:
        """What may become of each now."""
        wanted = {"items": items, "reason": "r", "preview": True}
        judged = self.server.client(Role.ARCHIVIST).post("/disposals", wanted).json()
        assert judged["disposal"] is None
        return [one["fate"] for one in judged["items"]]

    def agent(self, role: Role) -> Agent:
        """Somebody of that role, as the use cases know them."""
        who = self.server.client(role).get("/session").json()["username"]
        found = self.server.do(self.server.services.catalogue.read(lambda tx: tx.agents.by_username(who)))
        assert found is not None
        return found[0]


@contextmanager
def opened_office(
    data: Path,
    authority: TimeAuthority,
    moving: bytes | None = None,
    replicas: ReplicaSettings | None = None,
) -> Iterator[Office]:
    """One of its own: what it disposes of is gone for everybody.

    With `moving`, a clip, three segments of one recording came in, else three pictures.
    """
    authority.spoil = bytes
    with Shift.installed(), served_inside(data, replicas=replicas) as server:
        Shift.forward = -LONG_AGO
        in_force(server, HALF_A_YEAR)
        sender = server.another(Role.OFFICER)
        items = [
            sender.kept(photo(), f"{n}.png", device="CAM-1")
            if moving is None
            else sender.kept(
                moving + bytes([n]), f"{n}.mp4", device="CAM-1", recording="R", segment=str(n + 1)
            )
            for n in range(3)
        ]
        for item in items:
            sender.settled(item)
        server.do(server.services.sweep.run())
        Shift.forward = timedelta()
        server._made.clear()
        yield Office(server, authority, items)
