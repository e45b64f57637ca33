"""A server that stamps its own head, as one does that knows no time authority."""

from __future__ import annotations

import asyncio

from custody.self_stamping import SelfStamper
from custos.clock import SystemClock
from custos.own_time import own_time
from custos.settings import Settings
from storage.objects.filesystem import FilesystemStore
from storage.objects.log_files import LogFiles
from tests.serving.inside import Inside


def stamp_itself(bureau: Inside) -> None:
    """Have it stamp the head of its log."""
    settings = Settings(data=bureau.data)
    own = asyncio.run(own_time(settings, SystemClock()))
    assert own is not None
    files = LogFiles(settings.store, FilesystemStore(settings.store, immutable=False))
    assert bureau.do(SelfStamper(bureau.services.catalogue, files, own, SystemClock()).run()) is not None
