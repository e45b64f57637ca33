"""In which order files are handed to processes, where `-n` lets several do the tests."""

from __future__ import annotations

import pytest

#: What takes longest goes first: begun last, it would be done by one process while the others have nothing.
_FIRST = (
    "tests/e2e/test_samples.py",
    "tests/fault/test_fuzz.py",
    "tests/integration/transcode/test_attacks.py",
    "tests/fault/test_kill_at_every_step.py",
    "tests/integration/demo/test_demo.py",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Within a file, and among all other files, the order stays the one that was drawn."""
    if hasattr(config, "workerinput"):
        ranks = {name: rank for rank, name in enumerate(_FIRST)}
        items.sort(key=lambda item: ranks.get(item.nodeid.partition("::")[0], len(ranks)))
