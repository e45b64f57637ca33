"""Whose turn it is to write to an upload: one request at a time, the newest of the same agent wins.

A camera that was unplugged leaves a socket that looks alive for minutes. When the same agent asks again,
the older request is told to stop; it makes durable what it has, and ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from evidence.errors import Conflict

#: The older request has this long to make its bytes durable.
YIELD_WITHIN_SECONDS = 2.0


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
    """Turns of every upload in this process."""

    def __init__(self) -> None:
        self._holders: dict[str, Turn] = {}

    @asynccontextmanager
    async def take(self, upload_id: str, agent_id: str) -> AsyncIterator[Turn]:
        """Hold the upload. The caller is cancelled when a newer request of the same agent comes.

        On such a cancellation the body must finish its durable work and may raise as it likes; this
        raises Conflict("superseded"). Raises Conflict("upload-busy") when another agent holds it, or
        when the older request did not end in time.
        """
        while (holder := self._holders.get(upload_id)) is not None:
            if holder.agent_id != agent_id:
                raise Conflict("upload-busy", "Somebody else is sending this upload at the moment.")
            if not holder.superseded:
                holder.superseded = True
                holder.task.cancel()
            try:
                await asyncio.wait_for(holder.ended.wait(), YIELD_WITHIN_SECONDS)
            except TimeoutError as error:
                raise Conflict(
                    "upload-busy", "The earlier request is still making its bytes durable. Try again."
                ) from error
        task = asyncio.current_task()
        assert task is not None
        turn = self._holders[upload_id] = Turn(agent_id, task)
        try:
            yield turn
        except asyncio.CancelledError:
            if not turn.superseded:
                raise
            task.uncancel()
            raise superseded() from None
        finally:
            del self._holders[upload_id]
            turn.ended.set()
