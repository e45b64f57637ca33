"""What the tests ask of an S3 server, whichever it is."""

from __future__ import annotations

import secrets
import socket
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from custos.keeping_sections import S3Settings
from storage.objects.s3.abilities import Abilities
from storage.objects.s3.place import Place
from tests.places import ROOT

ADMIN = ("admin", "the-administrator's-secret")
#: Those whom the documented policies allow what they need, and nothing else.
SERVICE = ("service", "the-service's-secret")
DISPOSAL = ("disposal", "the-disposal's-secret")
_POLICIES = ROOT / "deploy" / "s3"


class S3Server:
    """A server that runs, with its data below `root`."""

    root: Path
    #: What it was seen to do, once it was looked.
    abilities: Abilities | None = None

    @property
    def endpoint(self) -> str:
        """Where it is reached, also after it was started anew."""
        raise NotImplementedError

    def administrator(self) -> Any:
        """A raw boto3 client with every right that there is, and no retries."""
        return self.raw(ADMIN)

    def raw(self, who: tuple[str, str]) -> Any:
        """The same with the rights of one of them."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=who[0],
            aws_secret_access_key=who[1],
            config=Config(
                s3={"addressing_style": "path"},
                retries={"mode": "standard", "total_max_attempts": 1},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def make_bucket(self, *, locking: bool = True) -> str:
        """A new one, with versioning and Object Lock; its name."""
        name = f"evidence-{secrets.token_hex(6)}"
        self.administrator().create_bucket(Bucket=name, ObjectLockEnabledForBucket=locking)
        return name

    def credentials(self, who: tuple[str, str] = SERVICE) -> Path:
        """The file with the keys of one of them, as a setting names it."""
        path = self.root / f"{who[0]}.credentials"
        path.write_text(f"[default]\naws_access_key_id = {who[0]}\naws_secret_access_key = {who[1]}\n")
        return path

    def place(self, bucket: str, who: tuple[str, str] = SERVICE, endpoint: str | None = None) -> Place:
        """That bucket as one of them reaches it."""
        return Place(bucket, endpoint or self.endpoint, credentials=self.credentials(who))

    def settings(self, bucket: str) -> S3Settings:
        """What a Custos is told whose store that is."""
        return S3Settings(
            bucket=bucket,
            endpoint=self.endpoint,
            credentials=self.credentials(),
            disposal_credentials=self.credentials(DISPOSAL),
        )


def policy_of(who: tuple[str, str]) -> str:
    """The documented one, for every bucket that `make_bucket` makes."""
    return (_POLICIES / f"{who[0]}-policy.json").read_text("utf-8").replace("BUCKET", "evidence-*")


def free_ports(number: int) -> list[int]:
    """Free ones on loopback, of the range that the kernel does not hand out itself."""
    found: list[int] = []
    while len(found) < number:
        port = 11_000 + secrets.randbelow(20_000)
        with socket.socket() as tried:
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found
