"""The order in which files are handed to processes, where `-n` lets several do the tests; shared servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.seaweed import Seaweed, running

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


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    """One server for all tests of a process; each makes a bucket of its own."""
    with running(tmp_path_factory.mktemp("seaweed")) as server:
        yield server
