"""A running Custos: see `tests.serving.fixtures`."""

from __future__ import annotations

from tests.e2e.export_desk import desk as desk
from tests.serving import fixtures

pytest_configure = fixtures.register
