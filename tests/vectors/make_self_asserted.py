"""Writes the vectors of self-asserted time: `python -m tests.vectors.make_self_asserted`, once a version.

An ECDSA signature is another one each time, so that the token is kept as it was made, and is read for ever.
"""

from __future__ import annotations

import base64
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from custody.embedded_time import open_embedded
from evidence.canonical import canonical
from evidence.ports.exports import DatedHead
from evidence.ports.log import LogHead
from evidence.proofs import Stamp
from retrieval.export_files import stamp_document

AT = datetime(2026, 11, 29, 8, 30, 0, 250000, tzinfo=UTC)
CHECKPOINT = "evidence.example.gov.cn/log\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
SOURCE = "server clock, not synchronised"
PATH = Path(__file__).with_name("self-asserted-v1.json")


class Standing:
    """A clock that stands."""

    def now(self) -> datetime:
        return AT

    def source(self) -> str:
        return SOURCE


def document(token: bytes) -> str:
    """What an export says of a self-asserted stamp."""
    stamp = Stamp(20852163, AT.replace(microsecond=0), AT, None, token, CHECKPOINT, SOURCE)
    head = LogHead("evidence.example.gov.cn/log", 20852170, (), 20852170, "")
    return canonical(stamp_document(DatedHead(stamp, [bytes(range(32))]), head)).decode()


def made() -> dict[str, str]:
    """A new token, and what goes with it."""
    with tempfile.TemporaryDirectory() as directory:
        own = open_embedded(Path(directory), Standing())
        time = own.assert_time(CHECKPOINT.encode())
        return {
            "certificates": own.certificates.decode(),
            "checkpoint": CHECKPOINT,
            "document": document(time.token),
            "request": base64.b64encode(time.request).decode(),
            "token": base64.b64encode(time.token).decode(),
        }


if __name__ == "__main__":
    PATH.write_text(json.dumps(made(), indent=2, sort_keys=True, ensure_ascii=False) + "\n")
