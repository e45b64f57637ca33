"""`custos jobs list`, `custos jobs retry`."""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING

from custos.commands.session import with_services
from custos.configuration import load_settings
from evidence.ids import is_id
from evidence.jobs import JobState
from evidence.timekeeping import to_text

if TYPE_CHECKING:
    from custos.wiring import Services


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    jobs = subparsers.add_parser("jobs", help="see background work and try failed work again")
    commands = jobs.add_subparsers(metavar="COMMAND", required=True)
    listing = commands.add_parser("list", help="list jobs, the latest change first")
    listing.add_argument("--state", choices=[state.value for state in JobState])
    listing.add_argument("--failed", action="store_const", const="failed", dest="state")
    listing.add_argument("--limit", type=int, default=50)
    listing.set_defaults(run=list_jobs)
    again = commands.add_parser("retry", help="try a failed job again")
    again.add_argument("job")
    again.set_defaults(run=retry_job)


def list_jobs(arguments: argparse.Namespace) -> int:
    """Print one line a job, and below it the reason if it failed."""
    state = None if arguments.state is None else JobState(arguments.state)

    async def show(services: Services) -> None:
        found = await services.catalogue.read(lambda tx: tx.jobs.listed(state, arguments.limit))
        for job in found:
            print(
                f"{job.id}  {job.stage.value:<9}  {job.state.value:<7}  {job.progress // 10:>3} %  "
                f"attempt {job.attempts}  {to_text(job.updated_at)[:19]}Z  of {job.subject}"
            )
            if job.message:
                print(f"    {job.message} [{job.code}]")
        if not found:
            print("No such jobs.")

    asyncio.run(with_services(load_settings(arguments.config), show))
    return 0


def retry_job(arguments: argparse.Namespace) -> int:
    """Queue a failed job again; a running server takes it up within seconds."""
    job_id = arguments.job if is_id(arguments.job) else ""

    async def retry(services: Services) -> None:
        await services.work.retry(job_id, None)
        print("The job is queued again.")

    asyncio.run(with_services(load_settings(arguments.config), retry))
    return 0
