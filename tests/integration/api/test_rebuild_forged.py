"""A catalogue restored from a store that somebody else could write into."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from evidence.agents import Role
from evidence.canonical import Json, canonical, parse_canonical
from evidence.events import detail_digest
from evidence.manifests import parse_manifest
from ingest.restoring import Found
from tests.serving.lost import Lost, kept
from tests.serving.settings import settings_for


def test_a_manifest_is_believed_as_far_as_the_log_bears_it_out(tmp_path: Path) -> None:
    """Whoever can write into the store puts other manifests there, and takes the catalogue away."""
    lost, other = (Lost(settings_for(tmp_path / name), ExitStack()) for name in ("data", "other"))
    with other.served() as server:
        planted = server.client(Role.OFFICER).kept(b"made elsewhere", "0.bin")
    with lost.served() as server:
        moved, renamed, honest = (
            server.client(Role.OFFICER).kept(bytes([n]), f"{n}.bin", device="CAM-1") for n in range(3)
        )
    kept(lost.settings)
    lost.lose()
    originals = lost.settings.store / "objects" / "originals"
    source = next((other.settings.store / "objects" / "originals").rglob(planted))
    shutil.copytree(source, originals / source.relative_to(other.settings.store / "objects" / "originals"))
    forge(next(originals.rglob(moved)), lambda said: said | {"agent": "01900000-0000-7000-8000-000000000000"})
    # With an event of its own, which the log does not have by that identifier.
    forge(next(originals.rglob(renamed)), with_event_of_another_device)
    found = lost.rebuilt(with_journal=False)
    assert found.items == Found(manifests=4, restored=2, unlogged=1, differing=2)
    with lost.served() as server:
        alarms = server.do(server.services.catalogue.read(lambda tx: tx.oversight.alarms()))
        assert {(one.kind, one.subject) for one in alarms if one.kind != "catalogue-rebuilt"} == {
            ("item-unlogged", planted),
            ("manifest-differs", moved),
            ("manifest-differs", renamed),
        }
        supervisor = server.another(Role.SUPERVISOR)
        assert supervisor.get(f"/items/{honest}/original").status == 200
        for item in (moved, renamed):
            assert supervisor.get(f"/items/{item}").status == 404


def with_event_of_another_device(said: dict[str, Json]) -> dict[str, Json]:
    """The manifest with another submission, detail and event, which agree with each other."""
    submitted = said["submitted"]
    assert isinstance(submitted, dict)
    detail = parse_canonical(base64.b64decode(str(said["event_detail"])))
    event = parse_canonical(base64.b64decode(str(said["event"])))
    other = {**submitted, "device": "CAM-2"}
    told = canonical({**detail, "submitted": other})
    digest = detail_digest(base64.b64decode(str(said["event_salt"])), told)
    return said | {
        "submitted": other,
        "event_detail": base64.b64encode(told).decode(),
        "event": base64.b64encode(canonical({**event, "detail": digest})).decode(),
    }


def forge(directory: Path, change: Callable[[dict[str, Json]], dict[str, Json]]) -> None:
    path = directory / "manifest.json"
    path.chmod(0o600)
    path.write_bytes(canonical(change(dict(parse_manifest(path.read_bytes())))))
