"""Whether this installation signs time itself, and with what."""

from __future__ import annotations

import asyncio

from custody.embedded_time import EmbeddedAuthority, open_embedded
from custos.settings import Settings
from evidence.ports.clock import Clock


async def own_time(settings: Settings, clock: Clock) -> EmbeddedAuthority | None:
    """The embedded time authority, made where there is none yet; None where others are asked, or it is off.

    For whoever holds the key. Raises Unavailable("bad-time-key").
    """
    custody = settings.custody
    if custody.time_authorities or not custody.embedded_time_authority:
        return None
    return await asyncio.to_thread(open_embedded, settings.keys, clock)
