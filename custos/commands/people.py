"""`custos user add`, `custos user import`, `custos token create`."""

from __future__ import annotations

import argparse
import asyncio
import csv
import getpass
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from custos.commands.session import with_services
from custos.configuration import load_settings
from evidence.agents import Role
from evidence.errors import Invalid
from evidence.staff import COLUMNS, parse
from identity.accounts import Enrolment

if TYPE_CHECKING:
    from custos.wiring import Services


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    users = subparsers.add_parser("user", help="manage the people who may sign in")
    commands = users.add_subparsers(metavar="COMMAND", required=True)
    add = commands.add_parser("add", help="register somebody")
    add.add_argument("username")
    add.add_argument("--name", default="", help="the name as people write it")
    add.add_argument("--role", required=True, choices=[role.value for role in Role])
    add.add_argument("--unit", required=True, help="the unit that the person works for")
    add.add_argument(
        "--password-stdin",
        action="store_true",
        help="read the password from standard input, not the terminal",
    )
    add.set_defaults(run=add_user)
    listed = commands.add_parser("list", help="show everybody, by unit")
    listed.set_defaults(run=list_users)
    for name, words in (("disable", "let somebody in no more, at once"), ("enable", "let them in again")):
        changed = commands.add_parser(name, help=words)
        changed.add_argument("username")
        changed.add_argument("--reason", required=True, help="why; it goes on record")
        changed.set_defaults(run=set_disabled, disabled=name == "disable")
    taken = commands.add_parser(
        "import", help="register everybody on a staff list, and print the secrets of who is new, once"
    )
    taken.add_argument("list", type=Path, metavar="LIST.csv", help="columns: " + ", ".join(COLUMNS))
    taken.add_argument("--dry-run", action="store_true", help="say what it would come to, change nothing")
    taken.set_defaults(run=import_users)
    tokens = subparsers.add_parser("token", help="manage bearer tokens for stations and programs")
    create = tokens.add_subparsers(metavar="COMMAND", required=True).add_parser(
        "create", help="make a token and print it once"
    )
    create.add_argument("username")
    create.add_argument("--label", default="", help="what the token is for")
    create.set_defaults(run=create_token)


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    if not sys.stdin.isatty():
        raise Invalid("no-password", "Type the password at a terminal, or use --password-stdin.")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise Invalid("no-password", "The two passwords differ.")
    return password


def add_user(arguments: argparse.Namespace) -> int:
    """Register a person, or a station, which gets tokens and no password."""
    settings = load_settings(arguments.config)
    role = Role(arguments.role)
    password = None if role is Role.STATION else _password(from_stdin=arguments.password_stdin)

    async def add(services: Services) -> None:
        agent = await services.accounts.add(
            arguments.username, arguments.name, role, arguments.unit, password
        )
        print(f"{agent.username} ({agent.role.value}, {agent.unit}) is registered as {agent.id}.")

    asyncio.run(with_services(settings, add))
    return 0


def list_users(arguments: argparse.Namespace) -> int:
    """Print a line for everybody, each unit's together."""

    async def show(services: Services) -> None:
        for one in await services.accounts.listed():
            state = "  disabled" if one.disabled else ""
            print(f"{one.unit}  {one.username}  {one.name}  {one.role.value}{state}")

    asyncio.run(with_services(load_settings(arguments.config), show))
    return 0


def set_disabled(arguments: argparse.Namespace) -> int:
    """End somebody's access, or give it back; what they did stays theirs."""

    async def change(services: Services) -> None:
        agent = await services.accounts.set_disabled(
            arguments.username, disabled=arguments.disabled, reason=arguments.reason
        )
        print(f"{agent.username} is {'disabled' if arguments.disabled else 'enabled'}.")

    asyncio.run(with_services(load_settings(arguments.config), change))
    return 0


def import_users(arguments: argparse.Namespace) -> int:
    """Register a staff list and place its units; status 1 if a line was left out.

    Standard output is a CSV of every line's fate with the secret of who is new; what was left out, and why,
    goes to standard error. A list can be taken in again: who is known stays as they are.
    """
    settings = load_settings(arguments.config)
    try:
        entrants, faults = parse(arguments.list.read_bytes())
    except OSError as error:
        raise Invalid("no-list", f"{arguments.list} cannot be read: {error.strerror}.") from error
    rows = csv.writer(sys.stdout, lineterminator="\n")
    counts = Counter[Enrolment]()

    async def take_in(services: Services) -> None:
        tree = await services.rights.units()
        wanted = {one.unit: one.above for one in entrants if one.above is not None}
        for unit, above in wanted.items():
            if tree.get(unit) != above and not arguments.dry_run:
                await services.rights.place_unit(None, unit, above)
        rows.writerow(["username", "name", "role", "unit", "fate", "secret"])
        for one in entrants:
            done = await services.accounts.enrol(one, dry_run=arguments.dry_run)
            rows.writerow([one.username, one.name, one.role, one.unit, done.fate, done.secret or ""])
            # A secret is told once: it must not wait in a buffer that a crash empties.
            sys.stdout.flush()
            counts[done.fate] += 1

    asyncio.run(with_services(settings, take_in))
    for fault in faults:
        print(f"line {fault.line} was left out: {fault.words}", file=sys.stderr)
    differ = counts[Enrolment.DIFFERS]
    if differ:
        print(f"{differ} have another role or unit here, and were left as they are.", file=sys.stderr)
    new = "would be registered" if arguments.dry_run else "were registered"
    print(f"{counts[Enrolment.NEW]} {new}, {counts[Enrolment.KNOWN]} were known.", file=sys.stderr)
    return 1 if faults or differ else 0


def create_token(arguments: argparse.Namespace) -> int:
    """Print a new bearer token; it is shown this once."""
    settings = load_settings(arguments.config)

    async def create(services: Services) -> None:
        print(await services.accounts.create_token(arguments.username, arguments.label))

    asyncio.run(with_services(settings, create))
    return 0
