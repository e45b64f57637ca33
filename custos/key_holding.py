"""The signing key for as long as a process runs: nobody changes it meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from custody.key_files import open_signer
from custody.rotation import require_key_of
from custody.signing import FileSigner
from custos.catalogue_place import catalogue_of
from custos.instance import using_keys
from custos.settings import Settings
from custos.stores import open_stores, require_not_lost
from evidence.errors import Unavailable
from storage.catalogue.catalogue import log_of
from storage.catalogue.engine import UNREACHABLE, is_begun

#: What is away, or not ready yet, when a machine starts.
_COMES_BACK = frozenset({UNREACHABLE, "store-unavailable", "store-clock", "store-refused", "store-no-bucket"})


@asynccontextmanager
async def holding_key(settings: Settings) -> AsyncIterator[FileSigner]:
    """The key, made at the first start. Raises Unavailable("key-lost") and what else `open_signer` says.

    The key comes before the catalogue: where that is there and the key is not, it was lost. Whether it is
    there has to be known: a database that does not answer is no first start. Raises Unavailable then.
    """
    await asyncio.to_thread(settings.run.mkdir, 0o700, True, True)
    with using_keys(settings.run):
        is_first = not await asyncio.to_thread(is_begun, catalogue_of(settings))
        yield await asyncio.to_thread(partial(open_signer, settings.keys, is_first=is_first))


async def look_before_start(settings: Settings) -> None:
    """Raise what only a person can put right before anything starts; make the key at the first start.

    A store that has a log and no catalogue beside it is no first start: it gets no new key. Database and
    store that do not answer say nothing of all that: whoever needs them waits for them.
    Raises Unavailable: what `holding_key`, `open_stores`, `require_not_lost` and `require_key_of` say.
    """
    try:
        await require_not_lost(settings, await asyncio.to_thread(open_stores, settings))
        async with holding_key(settings) as signer:
            where = catalogue_of(settings)
            if await asyncio.to_thread(is_begun, where):
                require_key_of(*await asyncio.to_thread(log_of, where), signer.note_key)
    except Unavailable as error:
        if error.code not in _COMES_BACK:
            raise
