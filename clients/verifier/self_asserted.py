"""Time that a Custos signed itself (docs/formats/log.md §6): recognised wherever it lies.

Written from the pages of the formats; shares no code with the server. Recognising needs no library.
"""

from __future__ import annotations

from datetime import datetime

from clients.verifier.heads import Step
from clients.verifier.receipt import NotVerified
from clients.verifier.tokens import NoLibrary, TimeTrust, verified_token

#: DER of the policy 2.25.104553683360093375621023543481358473107, in signed bytes of each such token.
MARK = bytes.fromhex("061469819da8a7a599b4ead7a3b6c78ccbe990e7af13")
PROVES_NOTHING = "self-asserted by this Custos, proves nothing to an outsider"


def require_third_party(token: bytes, name: str) -> None:
    """Raise NotVerified for a self-asserted token where a time authority's has to be."""
    if MARK in token:
        raise NotVerified(
            f"{name} is passed off as a time authority's and is self-asserted: a Custos signed it with its "
            "own embedded authority, and no third party did"
        )


def asserted_time(token: bytes, signed: bytes, certificates: bytes | None, name: str) -> datetime | None:
    """What a self-asserted token states of when `signed` was; None where this Python cannot check it.

    `certificates` (PEM) are those of the embedded authority, None for the one in the token. Raises
    NotVerified for a token that is not marked, or not of this.
    """
    if MARK not in token:
        raise NotVerified(f"{name} is not marked as self-asserted, and lies where only such tokens do")
    own = None if certificates is None else TimeTrust((certificates,))
    try:
        return verified_token(token, signed, own, name, why="is not what this Custos signed").at
    except NoLibrary:
        return None


def own_time_told(times: list[datetime | None]) -> str:
    """What is said of times that nobody else vouches for."""
    known = [one for one in times if one is not None]
    if not known:
        return f"the time: {PROVES_NOTHING}"
    first, last = (f"{at:%Y-%m-%d %H:%M:%S} UTC" for at in (min(known), max(known)))
    return f"the time, {first if first == last else f'{first} to {last}'}: {PROVES_NOTHING}"


def own_stamps_step(count: int, times: list[datetime | None]) -> Step:
    """Of checkpoints that the embedded authority stamped."""
    return Step(
        "self-asserted time",
        f"the trees of {count} checkpoints that this Custos stamped itself are beginnings of this one",
        own_time_told(times),
    )
