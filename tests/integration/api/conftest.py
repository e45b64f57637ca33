"""A running Custos: see `tests.serving.fixtures`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from evidence.agents import Role
from tests.media import make_clip
from tests.offices import Office, opened_office
from tests.postgres import Server
from tests.s3_server import S3Server
from tests.serving import fixtures
from tests.serving.exports import Kept, asked, case_of_two, kept
from tests.serving.inside import Inside, served_inside
from tests.time_authority import TimeAuthority, time_authority

pytest_configure = fixtures.register


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimeAuthority]:
    """A time authority, for the whole run; whoever spoils its answers puts that right."""
    with time_authority(tmp_path_factory.mktemp("time") / "authority") as running:
        yield running


@pytest.fixture
def office(tmp_path: Path, authority: TimeAuthority) -> Iterator[Office]:
    """An office of its own."""
    with opened_office(tmp_path / "data", authority) as running:
        yield running


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A module that says `STACKS` is run over each of them."""
    stacks = getattr(metafunc.module, "STACKS", None)
    if stacks is not None and "bureau" in metafunc.fixturenames:
        metafunc.parametrize("bureau", stacks, indirect=True, scope="module")


@pytest.fixture(scope="module")
def bureau(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    """A server of the module's own; "cluster", "ceph": over PostgreSQL and a bucket, else a directory."""
    data = tmp_path_factory.mktemp("bureau") / "data"
    with ExitStack() as stack:
        catalogue = s3 = None
        stack_of = getattr(request, "param", "embedded")
        if stack_of != "embedded":
            server: S3Server = request.getfixturevalue("ceph" if stack_of == "ceph" else "seaweed")
            s3 = server.settings(server.make_bucket())
            postgres: Server = request.getfixturevalue("postgres")
            catalogue = stack.enter_context(postgres.catalogue())
        yield stack.enter_context(served_inside(data, s3=s3, catalogue=catalogue))


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Four seconds of a camera."""
    return make_clip(tmp_path_factory.mktemp("media") / "clip.mp4", seconds=4).read_bytes()


@pytest.fixture(scope="module")
def case(bureau: Inside, camera: bytes) -> str:
    """A case of two segments."""
    return case_of_two(bureau, camera)


@pytest.fixture(scope="module")
def court(bureau: Inside, case: str, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """The case for a court."""
    archivist = bureau.client(Role.ARCHIVIST)
    made = asked(archivist, f"/cases/{case}/exports")
    return kept(bureau, archivist, made, tmp_path_factory.mktemp("court"))
