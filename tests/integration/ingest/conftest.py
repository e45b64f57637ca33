"""A running Custos (see `tests.serving.fixtures`), and who sends to it."""

from __future__ import annotations

import pytest

from evidence.agents import Role
from tests.serving import fixtures
from tests.serving.client import Client
from tests.serving.inside import Inside

pytest_configure = fixtures.register


@pytest.fixture
def station(inside: Inside) -> Client:
    """A docking station of the server inside this process."""
    return inside.client(Role.STATION)
