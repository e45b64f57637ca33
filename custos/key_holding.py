"""The signing key for as long as a process runs: nobody changes it meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from custody.key_files import open_signer
from custody.signing import FileSigner
from custos.instance import using_keys
from custos.settings import Settings


@asynccontextmanager
async def holding_key(settings: Settings) -> AsyncIterator[FileSigner]:
    """The key, made at the first start. Raises Unavailable("key-lost") and what else `open_signer` says.

    The key comes before the catalogue: where that is there and the key is not, it was lost.
    """
    await asyncio.to_thread(settings.run.mkdir, 0o700, True, True)
    with using_keys(settings.run):
        is_first = not settings.catalogue.exists()
        yield await asyncio.to_thread(partial(open_signer, settings.keys, is_first=is_first))
