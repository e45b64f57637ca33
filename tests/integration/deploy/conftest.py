"""A Custos to put something before."""

from __future__ import annotations

from tests.serving import fixtures

pytest_configure = fixtures.register
