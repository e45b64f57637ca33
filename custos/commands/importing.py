"""`custos import`: an export of another Custos taken in, its proofs kept beside its recordings."""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from custos.clock import SystemClock
from custos.commands.session import with_services
from custos.commands.verify_log import add_policy, given_trust
from custos.configuration import load_settings
from evidence.errors import Conflict, Invalid
from evidence.events import EventDraft, EventType, Subject
from evidence.items import UploadState

if TYPE_CHECKING:
    from clients.verifier.bag import Source
    from custos.wiring import Services
    from evidence.agents import Agent

_PIECE = 1 << 20
#: What of a submission is said again; what cannot be is in the custody record all the same.
_SAID = ("category", "officer", "device", "recording", "medium")
_DATE = (1980, 1, 1, 0, 0, 0)


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "import",
        help="take in another installation's export, and keep its proofs",
        description="Verifies the export, sends its originals as uploads of their own, and beside them "
        "all of it that is not evidence as one file: the history that they had there, with its proofs.",
    )
    parser.add_argument("export", type=Path, help="the ZIP, or where it was unpacked")
    parser.add_argument("--seal", type=Path, help="its seal (default: beside it, if it is there)")
    parser.add_argument(
        "--key", help="the other log's key as name+id+key, from a source other than the export"
    )
    add_policy(parser)
    parser.add_argument("--as", dest="username", required=True, help="in whose name; somebody who may upload")
    parser.add_argument("--case", help="the number of the case here (default: the one that it had there)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Status 0 once everything is received; 1 where the export does not prove what it has to."""
    from clients.verifier.bag import opened
    from clients.verifier.export import verify_export
    from clients.verifier.receipt import NotVerified

    if not arguments.key and not arguments.policy:
        raise Invalid(
            "no-key",
            "Name the other log's key with --key, or a policy: the one in the export proves nothing.",
        )
    beside = arguments.export.with_name(f"{arguments.export.name}.seal.json")
    seal_path = arguments.seal or (beside if beside.is_file() else None)
    try:
        seal = None if seal_path is None else json.loads(seal_path.read_bytes())
        steps = verify_export(arguments.export, given_trust(arguments), seal)
        with opened(arguments.export) as source:
            taken = asyncio.run(
                with_services(
                    load_settings(arguments.config), lambda services: _take(services, arguments, source, seal)
                )
            )
    except NotVerified as error:
        print(f"NOT VERIFIED, and not taken in: {error}.")
        return 1
    except OSError as error:
        raise Invalid("no-such-file", f"{error.filename} cannot be read: {error.strerror}.") from error
    print(f"Verified in {len(steps)} steps; {taken} originals and their custody record were received.")
    print("The running server stores them; `custos jobs list` says how far it is.")
    return 0


async def _take(
    services: Services, arguments: argparse.Namespace, source: Source, seal: Mapping[str, Any] | None
) -> int:
    found = await services.catalogue.read(lambda tx: tx.agents.by_username(arguments.username))
    if found is None or found[0].disabled:
        raise Invalid("no-such-user", f"There is no {arguments.username} who could take it in.")
    agent, said = found[0], json.loads(_read(source, "custody/export.json"))
    case = arguments.case or _case_there(source)
    sent: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as directory:
        record = Path(directory) / "custody.zip"
        digest = await asyncio.to_thread(_write_record, source, seal, record)
        name = f"custos-export-{said['export']}.custody.zip"
        about = {"filename": name, "method": "import", "sha256": digest, "case": case}
        with record.open("rb") as file:
            kept = await _send(services, agent, file, record.stat().st_size, about)
    for line in said["items"]:
        if line["original"] is None:
            continue
        document = json.loads(_read(source, f"metadata/items/{line['item']}.json"))
        with source.open(line["original"]) as file:
            sent[line["item"]] = await _send(
                services, agent, file, line["size"], _about(document, line, case)
            )
    subjects = tuple(Subject("upload", upload) for upload in (kept, *sent.values()))
    detail = {
        "export": said["export"],
        "origin": said["log"]["origin"],
        "size": said["log"]["size"],
        "uploads": sent,
    }
    await services.catalogue.record(
        EventDraft(
            EventType.EXPORT_IMPORTED,
            agent.id,
            SystemClock().now(),
            subjects,
            digests={"sha256": digest},
            detail=detail,
        )
    )
    return len(sent)


def _about(document: Mapping[str, Any], line: Mapping[str, Any], case: str | None) -> dict[str, str | None]:
    submitted = document["submitted"]
    about = {name: submitted[name] for name in _SAID} | {
        "filename": submitted["filename"],
        "filetype": submitted["media_type"],
        "segment": None if submitted["segment"] is None else str(submitted["segment"]),
        "sha256": line["sha256"],
        "method": "import",
        "case": case,
    }
    for time in submitted["times"]:
        key = f"time-{time['marks']}.{time['source']}"
        if key.isascii() and key.isprintable() and not set(key) & {" ", ","}:
            about[key] = time["value"]
    return about


async def _send(
    services: Services, agent: Agent, file: BinaryIO, size: int, about: Mapping[str, str | None]
) -> str:
    """The upload, once its bytes are durable and the ones that were announced."""
    header = ",".join(
        f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in about.items() if value
    )
    upload = await services.uploads.open(agent, size, header)
    if size:
        upload = await services.uploads.receive(agent, upload.id, 0, size, _pieces(file), None)
    if upload.state not in (UploadState.ACCEPTED, UploadState.COMMITTED):
        raise Conflict(
            "not-received", f"{about['filename']} was not received: {upload.message or upload.state}."
        )
    return upload.id


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(file.read, _PIECE):
        yield piece


def _case_there(source: Source) -> str | None:
    if "metadata/case.json" not in source.names():
        return None
    return str(json.loads(_read(source, "metadata/case.json"))["number"])


def _read(source: Source, name: str) -> bytes:
    with source.open(name) as file:
        return file.read()


def _write_record(source: Source, seal: Mapping[str, Any] | None, path: Path) -> str:
    """Everything of the bag but the evidence, and the seal, as one stored ZIP; its SHA-256."""
    with zipfile.ZipFile(path, "x", zipfile.ZIP_STORED) as archive:
        for name in sorted(source.names()):
            if not name.startswith("data/"):
                archive.writestr(zipfile.ZipInfo(name, _DATE), _read(source, name))
        if seal is not None:
            archive.writestr(zipfile.ZipInfo("seal.json", _DATE), json.dumps(seal, sort_keys=True))
    digest = hashlib.sha256()
    with path.open("rb") as file:
        os.fsync(file.fileno())
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
