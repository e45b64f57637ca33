"""Whose turn it is to write to an upload: one request at a time, the newest of the same agent wins.

A camera that was unplugged leaves a socket that looks alive for minutes. When the same agent asks again,
the older request is told to stop; it makes durable what it has, and ends.

Within this process a turn is a row of a dictionary, so that the older request hears of it at once. Whoever
has it here then claims it before the other server processes of this machine (`evidence.ports.objects`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from evidence.errors import Conflict
from evidence.ports.objects import Asked, StagedTurn, Staging

#: The older request has this long to make its bytes durable.
YIELD_WITHIN_SECONDS = 2.0
#: How often a request looks whether another process's request wants its turn, or has let go.
_LOOK_SECONDS = 0.1


@dataclass(slots=True)
class Turn:
    """One request's hold on one upload."""

    agent_id: str
    task: asyncio.Task[object]
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    superseded: bool = False


def superseded() -> Conflict:
    """What the older request is answered."""
    return Conflict("superseded", "A newer request from you continues this upload.")


class Turns:
    """Turns of every upload on this machine."""

    def __init__(self, staging: Staging) -> None:
        self._staging = staging
        self._holders: dict[str, Turn] = {}

    @asynccontextmanager
    async def take(self, upload_id: str, agent_id: str) -> AsyncIterator[Turn]:
        """Hold the upload. The caller is cancelled when a newer request of the same agent comes.

        On such a cancellation the body must finish its durable work and may raise as it likes; this
        raises Conflict("superseded"). Raises Conflict("upload-busy") when another agent holds it, or
        when the older request did not end in time; NoSpace, Unavailable where no turn can be claimed.
        """
        while (holder := self._holders.get(upload_id)) is not None:
            if holder.agent_id != agent_id:
                raise _foreign()
            if not holder.superseded:
                holder.superseded = True
                holder.task.cancel()
            try:
                await asyncio.wait_for(holder.ended.wait(), YIELD_WITHIN_SECONDS)
            except TimeoutError as error:
                raise _slow() from error
        task = asyncio.current_task()
        assert task is not None
        turn = self._holders[upload_id] = Turn(agent_id, task)
        claim = self._staging.turn(upload_id, agent_id)
        watching: asyncio.Task[None] | None = None
        try:
            await self._claim(claim)
            watching = asyncio.create_task(_watch(turn, claim))
            yield turn
        except asyncio.CancelledError:
            if not turn.superseded:
                raise
            task.uncancel()
            raise superseded() from None
        finally:
            if watching is not None:
                watching.cancel()
            # Not off the loop: a cancellation meanwhile would leave the claim to nobody.
            claim.release()
            del self._holders[upload_id]
            turn.ended.set()

    async def _claim(self, claim: StagedTurn) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + YIELD_WITHIN_SECONDS
        while (answer := await _outlasting(claim.ask)) is not Asked.HELD:
            if answer is Asked.FOREIGN:
                raise _foreign()
            if answer is Asked.OVERTAKEN:
                raise superseded()
            if loop.time() >= until:
                raise _slow()
            await asyncio.sleep(_LOOK_SECONDS)


async def _outlasting(ask: Callable[[], Asked]) -> Asked:
    """The answer, asked on a thread, which has ended when this has: also when it is cancelled."""
    asking = asyncio.ensure_future(asyncio.to_thread(ask))
    try:
        return await asyncio.shield(asking)
    except asyncio.CancelledError:
        await asyncio.wait({asking})
        raise


async def _watch(turn: Turn, claim: StagedTurn) -> None:
    """End the turn once a request in another process wants it."""
    while not turn.superseded:
        await asyncio.sleep(_LOOK_SECONDS)
        if await asyncio.to_thread(claim.is_wanted):
            turn.superseded = True
            turn.task.cancel()


def _foreign() -> Conflict:
    return Conflict("upload-busy", "Somebody else is sending this upload at the moment.")


def _slow() -> Conflict:
    return Conflict("upload-busy", "The earlier request is still making its bytes durable. Try again.")
