"""A busy Custos for the power-cut test: `python -m tests.fault.powerload DATA NOTES`, until it is killed.

Every line of NOTES is something that somebody was told: a receipt in hand, or bytes about to be served. It
lies on another disk and is written after the promise was made.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import sys
from pathlib import Path

from custos.wiring import open_services
from tests.fault.scenario import Bell, metadata, pieces, settings_for, somebody


async def busy(data: Path, notes: Path) -> None:
    """Upload, commit, view, again and again."""
    rng = random.Random(7)
    bell = Bell()
    with notes.open("a", buffering=1) as told:
        async with open_services(settings_for(data), bell, "busy") as services:
            agent = await somebody(services)
            while True:
                content = rng.randbytes(rng.randint(1, 60_000))
                upload = await services.uploads.open(agent, len(content), metadata(filename="a.bin"))
                await services.uploads.receive(agent, upload.id, 0, None, pieces(content, 0), None)
                await services.work.run(bell.rung.pop(0))
                bell.rung.clear()
                if await services.uploads.receipt(agent, upload.id) is not None:
                    sha256 = hashlib.sha256(content).hexdigest()
                    told.write(json.dumps({"upload": upload.id, "sha256": sha256}) + "\n")
                for view in (await services.reading.items(agent, None))[:1]:
                    found = await services.reading.content(agent, view.item.id, "original", None)
                    entered = await services.reading.enter(agent, found, (0, found.size))
                    told.write(json.dumps({"viewing": entered.viewing.id}) + "\n")
                    await services.desk.leave(entered, done=True)


if __name__ == "__main__":
    asyncio.run(busy(Path(sys.argv[1]), Path(sys.argv[2])))
