"""The database's machine dies while recordings come in, and its standby takes over."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.fault.killing import strike
from tests.fault.traffic import Traffic, receive_in_trouble
from tests.postgres import Server, serving_postgres
from tests.serving.waiting import eventually

pytestmark = pytest.mark.long


def _follows(first: Server, second: Server) -> None:
    """What the first one acknowledges, the second one has from now on."""
    first.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
    first.execute("SELECT pg_reload_conf()")
    eventually(
        lambda: first.execute("SELECT sync_state FROM pg_stat_replication") == [("sync",)],
        "the standby has to have everything",
    )


def _either(url: str, *servers: Server) -> str:
    """Whichever of them takes writes, as an office names both in `catalogue.url`."""
    hosts = ",".join(str(server.base / "socket") for server in servers)
    return re.sub(r"host=.*", f"host={hosts}&target_session_attrs=read-write", url)


@pytest.mark.parametrize("comes_back", [False, True], ids=["stays away", "comes back as it was"])
def test_a_standby_takes_over(tmp_path: Path, comes_back: bool) -> None:
    with serving_postgres() as first, serving_postgres(of=first) as second:
        url = _either(first.prepared(), first, second)
        _follows(first, second)

        def trouble(pid: int, traffic: Traffic) -> None:
            traffic.until(6)
            first.kill()
            second.promote()
            traffic.until(6)
            if not comes_back:
                return
            # Nobody told it that it is not the first one any more: whoever connects anew comes to it.
            first.start()
            for part in ("api", "worker"):
                strike(pid, part)
            eventually(
                lambda: "SyncRep" in _sessions(first),
                "what is written there waits for its standby, and is acknowledged to nobody",
            )
            first.kill()
            traffic.until(6)

        receive_in_trouble(tmp_path, 3, trouble, onlookers=True, CUSTOS_CATALOGUE__URL=url)


def _sessions(server: Server) -> list[object]:
    """What each session of Custos waits for there."""
    return [
        waits
        for (waits,) in server.execute(
            "SELECT wait_event FROM pg_stat_activity WHERE application_name = 'custos'"
        )
    ]
