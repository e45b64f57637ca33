"""The signing key for as long as a process runs: nobody changes it meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from custody.key_files import open_signer
from custody.signing import FileSigner
from custos.catalogue_place import catalogue_of
from custos.instance import using_keys
from custos.settings import Settings
from evidence.errors import Unavailable
from storage.catalogue.engine import UNREACHABLE, is_begun


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


async def look_for_key(settings: Settings) -> None:
    """Raise what `holding_key` says of a key that is lost or no key; make it at the first start.

    A database that does not answer says nothing of that: whoever needs it waits for it.
    """
    try:
        async with holding_key(settings):
            pass
    except Unavailable as error:
        if error.code != UNREACHABLE:
            raise
