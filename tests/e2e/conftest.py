"""A running Custos: see `tests.serving`."""

from __future__ import annotations

from tests import serving

pytest_configure = serving.register
