"""`custos demo`: a Custos of its own, filled, checked and shown."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import datetime
from pathlib import Path

from custos import child

_CHECKOUT = Path(__file__).resolve().parents[2]


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "demo", help="start a Custos to look at, send recordings, and check everything that it promises"
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="send these, not made-up ones")
    parser.add_argument(
        "--day", action="store_true", help="a day at a county bureau: 200 segments, 12 officers, 3 stations"
    )
    parser.add_argument("--exit", action="store_true", help="leave when all is checked; status 1 if not well")
    parser.add_argument("--size", choices=["small", "full"], default="small", help="full: an hour, over 1 GB")
    parser.add_argument("--data", type=Path, metavar="DIR", help="an empty directory, or one to be made")
    parser.add_argument("--port", type=int, metavar="N", help="the port to serve on (default: a free one)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Status 0 when everything was checked and held, 1 when not, 130 when interrupted before that."""
    from clients.demo.running import Options
    from clients.demo.show import demonstrate

    build = _CHECKOUT / "build" if (_CHECKOUT / "deploy" / "setup.sh").is_file() else Path("custos-demo")
    started = datetime.now().astimezone()
    custos = (sys.executable, "-m", "custos")
    return demonstrate(
        Options(
            files=arguments.files,
            size=arguments.size,
            day=arguments.day,
            leave=arguments.exit,
            data=(arguments.data or build / "demo" / f"{started:%Y%m%d-%H%M%S}").absolute(),
            port=arguments.port,
            cache=build.absolute() / "demo-media",
            clips=build / "demo-clips",
            command=custos,
            # The server cannot outlive this process, not even one that is killed.
            tied=(sys.executable, "-I", "-S", str(Path(child.__file__).resolve()), str(os.getpid())),
        )
    )
