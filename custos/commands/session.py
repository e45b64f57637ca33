"""Services for the length of one command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from custos.settings import Settings
from evidence.jobs import Job

if TYPE_CHECKING:
    from custos.wiring import Services

T = TypeVar("T")


class _SilentBell:
    """A command rings nobody: the running server's sweep finds the row within seconds."""

    async def ring(self, jobs: Sequence[Job]) -> None:
        """Do nothing."""


async def with_services(settings: Settings, work: Callable[[Services], Awaitable[T]]) -> T:
    """Open the services, do `work`, close them; what `work` gave."""
    from custos.wiring import open_services

    async with open_services(settings, _SilentBell(), "command") as services:
        return await work(services)
