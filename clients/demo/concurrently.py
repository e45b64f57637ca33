"""Doing several things at once, and failing as one."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

from clients.demo.errors import DemoError


async def all_of(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run all of `work` to its end; the first DemoError ends the others and is raised by itself."""
    try:
        async with asyncio.TaskGroup() as group:
            for each in work:
                group.create_task(each)
    except* DemoError as failed:
        first: BaseException = failed
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        error = first
    else:
        return
    raise error
