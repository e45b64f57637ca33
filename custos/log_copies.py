"""How far the custody log is in each replica, as `custos doctor` says it."""

from __future__ import annotations

import asyncio

from custody.notes import parse_checkpoint, parse_note
from custos.findings import Finding
from custos.replicas import has_replicas
from custos.settings import Settings
from custos.stores import Stores, open_stores
from evidence.errors import CustosError
from evidence.ports.log import LogStore

_CODE = "replica-log"


def examine_log_copies(settings: Settings) -> list[Finding]:
    """One finding for each replica that answers; none before the first start. Blocking."""
    if not has_replicas(settings) or (settings.s3.bucket is None and not settings.store.is_dir()):
        return []
    try:
        return asyncio.run(_seen(open_stores(settings)))
    except CustosError as error:
        return [
            Finding("problem", _CODE, f"How far the log is in the replicas is not known. {error.message}")
        ]


async def _seen(stores: Stores) -> list[Finding]:
    assert stores.copies is not None
    found = []
    # The replicas first: what is published in between is nothing that they lack.
    there = {}
    for replica in stores.copies.others:
        try:
            there[replica.name] = await _size(replica.log)
        except CustosError:
            # That it does not answer is a finding of its own.
            continue
    here = await _size(stores.log)
    for name, size in there.items():
        if size:
            words = f"The replica {name} has the custody log up to leaf {size:,} of {here:,}."
            found.append(Finding("ok", _CODE, words))
        elif here:
            words = f"The replica {name} does not have the custody log yet: it is copied while Custos runs."
            found.append(Finding("warning", _CODE, words))
    return found


async def _size(log: LogStore) -> int:
    """Of the tree whose head lies there; 0 for none, or one that cannot be read."""
    data = await log.read("checkpoint")
    try:
        return 0 if data is None else parse_checkpoint(parse_note(data.decode()).text).size
    except ValueError:
        return 0
