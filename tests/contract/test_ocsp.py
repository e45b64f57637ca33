"""Answers of OCSP responders beside the tokens: asked for from a real one, kept, and read offline."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from clients.verifier.heads import Step
from clients.verifier.log import verify_log
from clients.verifier.revocation import Lists
from tests.contract.test_custody_log import Place, opened
from tests.contract.test_revocation import NOT_LISTED, lists, stamped
from tests.contract.test_verify_log import key_of, log_of
from tests.time_authority import TimeAuthority, time_authority

HOUR = timedelta(hours=1)


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[TimeAuthority]:
    with time_authority(tmp_path / "authority", answers=True) as running:
        yield running


@pytest.fixture
async def place(tmp_path: Path, authority: TimeAuthority) -> AsyncIterator[Place]:
    """A log whose first head is stamped; its authority's responder is not asked yet."""
    async with opened(tmp_path / "here") as one:
        await one.happen(5)
        await one.sequencer().run()
        await stamped(one, authority)
        yield one


def kept(place: Place) -> list[Path]:
    return sorted((log_of(place) / "stamps").glob("*.ocsp"))


def step(place: Place, authority: TimeAuthority, *answers: bytes) -> Step:
    given = Lists(answers=tuple((f"{number}.ocsp", one) for number, one in enumerate(answers)))
    roots = [authority.root.read_bytes()]
    return verify_log(log_of(place), key_of(place), roots=roots, lists=given).steps[-1]


async def test_an_answer_is_kept_beside_the_tokens_as_it_was(place: Place, authority: TimeAuthority) -> None:
    assert step(place, authority).not_checked == NOT_LISTED
    for by in ("responder", "root"):
        authority.answers_by = by
        assert await lists(place, 0 if by == "responder" else 200).run() == 1
        for path in kept(place):
            _openssl_agrees(authority, path)
        assert step(place, authority).not_checked == ""
        # Nothing needs another one; a younger token does, once an hour has passed.
        assert await lists(place, 90).run() == 0
        await place.happen(1)
        await place.sequencer().run()
        await stamped(place, authority, 100 if by == "responder" else 300)
    assert len(kept(place)) == authority.answered == 2


def _openssl_agrees(authority: TimeAuthority, path: Path) -> None:
    signer = authority.root.with_name("signer.pem")
    command = [
        "openssl",
        "ocsp",
        "-respin",
        path,
        "-issuer",
        authority.root,
        "-cert",
        signer,
        "-CAfile",
        authority.root,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Response verify OK" in done.stderr
    assert f"{signer}: good" in done.stdout
