"""What the server of a bucket does of what Custos asks: tried with a few bytes, since many answer a header
that they do not know as if they had heeded it.

Servers differ in four things. Where one lacks one of the first three, Custos does without (each named at its
field); a server that checks no bytes at all is refused by `storage.objects.s3.checking`.
"""

from __future__ import annotations

import hashlib
import io
import secrets
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from evidence.errors import CustosError

#: Below it nothing of Custos lies, and the service may remove versions.
_PLACE = "renditions/probe"
#: No right to ask is no answer to the question, other than what is said of a signature.
_FORBIDDEN_STATUS = 403
_MOST_TOLD = 1 << 16
_BAD_STATUSES = frozenset({*range(400, 500), 501})


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a server was seen to do."""

    #: `If-None-Match: *` is heeded, by a PUT and by the last request of an upload in parts. Without it the
    #: versions are looked at: the first one counts, and a second attempt looks before it writes.
    creates_once: bool
    #: `If-Match` is heeded by a PUT, `If-None-Match: *` too. Without it the order of the versions decides.
    exchanges: bool
    #: A wrong `x-amz-checksum-sha256` is refused. Without it the digest is part of the signature.
    checks_digests: bool
    #: A body that is not what its signature covers is refused.
    checks_signatures: bool
    #: An upload in parts is locked by what its first request says. Without it the lock comes right after.
    locks_parts: bool
    #: It speaks Swift too, over which the owner of an object lets it expire whatever is locked.
    speaks_swift: bool

    @property
    def checks_bytes(self) -> bool:
        """Whether what changes on the way is noticed before it is stored."""
        return self.checks_digests or self.checks_signatures


#: A client that signs the bytes (True) or leaves that to the checksum (False); it tries once.
Clients = Callable[[bool], Any]


def tried(clients: Clients, name: str, *, is_own: bool) -> Abilities:
    """What the server of the bucket `name` does. Raises ClientError, BotoCoreError.

    `is_own`: it is no AWS, where the first name of a path would be somebody's bucket.

    Needs the rights of the service. Repeatable, side by side too; a crash leaves a few bytes below
    `renditions/probe/`, which harm nothing.
    """
    plain = clients(False)
    one = {"Bucket": name, "Key": f"{_PLACE}/{secrets.token_hex(16)}"}
    try:
        first = plain.put_object(**one, Body=b"first", IfNoneMatch="*")
        creates_once = _is_refused(lambda: plain.put_object(**one, Body=b"second", IfNoneMatch="*"))
        newest = plain.head_object(**one)["ETag"]
        exchanges = (
            creates_once
            and _is_refused(lambda: plain.put_object(**one, Body=b"third", IfMatch=_other(first["ETag"])))
            and not _is_refused(lambda: plain.put_object(**one, Body=b"third", IfMatch=newest))
        )
        checks_digests = _is_refused(
            lambda: plain.put_object(**one, Body=b"fourth", ChecksumSHA256=_digest(b"other"))
        )
        checks_signatures = _is_refused(lambda: _altered(clients(True), one))
        joins_once, locks_parts = _in_parts(plain, one)
    finally:
        _tidy(plain, one)
    return Abilities(
        creates_once and joins_once,
        exchanges,
        checks_digests,
        checks_signatures,
        locks_parts,
        is_own and _speaks_swift(plain),
    )


def _speaks_swift(client: Any) -> bool:
    """Asked for where Swift tells everybody of itself; to S3 that is an object in a bucket of that name."""
    try:
        found = client.get_object(Bucket="swift", Key="info")
    except ClientError:
        return False
    return b'"swift"' in found["Body"].read(_MOST_TOLD)


def _in_parts(client: Any, one: dict[str, str]) -> tuple[bool, bool]:
    """Whether parts become no second object, and whether they become one that is held from the first.

    A hold shows it as well as a lock does, and can be taken off again.
    """
    begun = client.create_multipart_upload(**one, ChecksumAlgorithm="SHA256", ObjectLockLegalHoldStatus="ON")[
        "UploadId"
    ]
    upload = {**one, "UploadId": begun}
    sent = client.upload_part(**upload, PartNumber=1, Body=b"part", ChecksumSHA256=_digest(b"part"))
    part = {"PartNumber": 1, "ETag": sent["ETag"], "ChecksumSHA256": _digest(b"part")}
    joined = {**upload, "MultipartUpload": {"Parts": [part]}}
    joins_once = _is_refused(lambda: client.complete_multipart_upload(**joined, IfNoneMatch="*"))
    if joins_once:
        client.complete_multipart_upload(**joined)
    return joins_once, client.head_object(**one).get("ObjectLockLegalHoldStatus") == "ON"


def _altered(client: Any, one: dict[str, str]) -> None:
    """A PUT whose body is changed after it was signed."""

    def alter(request: Any, **_: Any) -> None:
        request.body = io.BytesIO(b"altered")

    client.meta.events.register("before-send.s3.PutObject", alter)
    try:
        client.put_object(**one, Body=b"as sent")
    finally:
        client.meta.events.unregister("before-send.s3.PutObject", alter)


def _is_refused(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        is_signature = error.response.get("Error", {}).get("Code") == "SignatureDoesNotMatch"
        if status in _BAD_STATUSES and (status != _FORBIDDEN_STATUS or is_signature):
            return True
        raise
    return False


def _tidy(client: Any, one: dict[str, str]) -> None:
    with suppress(ClientError, CustosError):
        listed = client.list_object_versions(Bucket=one["Bucket"], Prefix=one["Key"])
        for version in listed.get("Versions", ()):
            this = {**one, "VersionId": version["VersionId"]}
            if client.head_object(**this).get("ObjectLockLegalHoldStatus") == "ON":
                client.put_object_legal_hold(**this, LegalHold={"Status": "OFF"})
            client.delete_object(**this)


def _digest(data: bytes) -> str:
    return b64encode(hashlib.sha256(data).digest()).decode("ascii")


def _other(etag: str) -> str:
    """Of the same form, and of no object here."""
    return f'"{hashlib.md5(etag.encode(), usedforsecurity=False).hexdigest()}"'
