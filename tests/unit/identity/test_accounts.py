"""Signing in: nothing is told to whoever fails, nothing is kept that could be stolen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from evidence.agents import Role
from evidence.errors import Conflict, Invalid, Unauthenticated
from identity.accounts import SESSION_LASTS, Accounts
from storage.catalogue.catalogue import SqlCatalogue, open_catalogue

PASSWORD = "correct horse battery"


class MovedClock:
    def __init__(self) -> None:
        self.at = datetime(2026, 11, 22, 8, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def source(self) -> str:
        return "a moved clock"


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
async def catalogue(tmp_path: Path, clock: MovedClock) -> AsyncIterator[SqlCatalogue]:
    async with open_catalogue(tmp_path / "c.db", clock, "test") as opened:
        yield opened


@pytest.fixture
async def accounts(catalogue: SqlCatalogue, clock: MovedClock) -> Accounts:
    accounts = Accounts(catalogue, clock)
    await accounts.add("li", "李", Role.REVIEWER, "一大队", PASSWORD)
    return accounts


async def test_a_session_opens_and_ends(accounts: Accounts, clock: MovedClock) -> None:
    agent, secret = await accounts.sign_in("li", PASSWORD)
    assert (await accounts.recognise(secret)) == agent
    clock.at += SESSION_LASTS
    with pytest.raises(Unauthenticated):
        await accounts.recognise(secret)
    clock.at -= SESSION_LASTS
    await accounts.sign_out(agent, secret)
    with pytest.raises(Unauthenticated):
        await accounts.recognise(secret)


async def test_a_session_from_the_future_is_none(accounts: Accounts, clock: MovedClock) -> None:
    _, secret = await accounts.sign_in("li", PASSWORD)
    clock.at -= timedelta(hours=1)
    with pytest.raises(Unauthenticated):
        await accounts.recognise(secret)


async def test_a_wrong_name_and_a_wrong_password_sound_alike(accounts: Accounts) -> None:
    said = []
    for name, password in (("li", "wrong password!"), ("nobody", PASSWORD)):
        with pytest.raises(Unauthenticated) as error:
            await accounts.sign_in(name, password)
        said.append((error.value.code, error.value.message))
    assert said[0] == said[1]


async def test_tokens_are_kept_as_digests_only(
    accounts: Accounts, catalogue: SqlCatalogue, tmp_path: Path
) -> None:
    secret = await accounts.create_token("li", "dock 3")
    assert (await accounts.recognise(secret)).username == "li"
    await catalogue.write(lambda tx: tx.oversight.alarms())
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert secret.encode() not in kept
    assert PASSWORD.encode() not in kept


async def test_what_cannot_be_registered(accounts: Accounts) -> None:
    with pytest.raises(Conflict):
        await accounts.add("li", "", Role.OFFICER, "u", PASSWORD)
    with pytest.raises(Invalid):
        await accounts.add("wang", "", Role.OFFICER, "u", "short")
    with pytest.raises(Invalid):
        await accounts.add(" wang", "", Role.OFFICER, "u", PASSWORD)
    with pytest.raises(Invalid):
        await accounts.create_token("nobody", "")
