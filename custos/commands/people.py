"""`custos user add`, `custos token create`."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys
from typing import TYPE_CHECKING

from custos.commands.session import with_services
from custos.settings import load_settings
from evidence.agents import Role
from evidence.errors import Invalid

if TYPE_CHECKING:
    from custos.wiring import Services


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    users = subparsers.add_parser("user", help="manage the people who may sign in")
    add = users.add_subparsers(metavar="COMMAND", required=True).add_parser("add", help="register somebody")
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


def create_token(arguments: argparse.Namespace) -> int:
    """Print a new bearer token; it is shown this once."""
    settings = load_settings(arguments.config)

    async def create(services: Services) -> None:
        print(await services.accounts.create_token(arguments.username, arguments.label))

    asyncio.run(with_services(settings, create))
    return 0
