"""`custos doctor`: what this machine can and cannot promise."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from datetime import UTC, datetime

from custos.catalogue_place import catalogue_of
from custos.configuration import load_settings
from custos.doctor import examine
from custos.findings import rendered


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("doctor", help="say what this machine really protects against")
    parser.add_argument("--json", action="store_true", help="print one JSON list instead of text")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the findings; exit status 1 if one of them is a problem."""
    from storage.catalogue.keeper import kept_by
    from storage.catalogue.queues import standing_in
    from transcode.sandbox import Sandbox

    settings = load_settings(arguments.config)
    findings = examine(
        settings,
        catalogue=lambda: kept_by(catalogue_of(settings)),
        waiting=lambda: standing_in(catalogue_of(settings), datetime.now(UTC)),
        sandbox=Sandbox(settings.media.sandbox).protection(),
    )
    if arguments.json:
        print(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False, indent=2))
    else:
        print(rendered(findings))
    return int(any(finding.level == "problem" for finding in findings))
