"""One connection to one bucket, and what its refusals are called.

What is created once is found by its first version: whoever may write can put a delete marker or another
version on top, and an unversioned GET would then answer with that.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigParseError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
)

from evidence.errors import NoSpace, Unavailable
from evidence.ports.objects import NotStored
from storage.objects.s3.abilities import Abilities, tried
from storage.objects.s3.place import Place

_log = logging.getLogger(__name__)
_CONNECT_SECONDS = 5
_READ_SECONDS = 60
_CONNECTIONS = 64
#: One try and three more: the answers 500, 503 and slowness are ordinary.
_TRIES = 4
_ABSENT = frozenset({"NoSuchKey", "NoSuchVersion", "404", "MethodNotAllowed", "405"})
_IN_THE_WAY = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
_SKEWED = frozenset({"RequestTimeTooSkewed"})
_FULL_STATUS = 507
_FORBIDDEN_STATUS = 403
_REFUSALS = frozenset({400, 401, _FORBIDDEN_STATUS})
#: Of the Unavailable that is raised where rights are missing, or a lock holds.
REFUSED = "store-refused"
#: As many versions as a page of a list can have, and as many as one has.
_MOST = 1000
PAGE = _MOST


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one key, as the store lists it."""

    key: str
    id: str
    size: int
    is_marker: bool


class Bucket:
    """Requests to one bucket. Every method blocks and raises Unavailable: "store-unavailable",
    "store-refused", "store-clock", "store-no-keys", "store-no-bucket"; NoSpace("store-full"); NotStored."""

    def __init__(self, place: Place) -> None:
        self.name = place.bucket
        if place.trusted is not None and not place.trusted.is_file():
            raise Unavailable(
                "store-untrusted",
                "`s3.trusted` names no file: without it nobody can tell whether the server is the right one.",
            )
        with translated():
            self._connect(place)

    def _connect(self, place: Place) -> None:
        session = botocore.session.Session()
        if place.credentials is not None:
            session.set_config_variable("credentials_file", str(place.credentials))
            # The file alone: what lies in the environment is somebody else's.
            session.get_component("credential_provider").providers[:] = [
                one
                for one in session.get_component("credential_provider").providers
                if one.METHOD == "shared-credentials-file"
            ]
        self._session = boto3.Session(botocore_session=session)
        self._place = place
        self._clients: dict[tuple[bool | None, bool], Any] = {}
        self._making = threading.Lock()
        self._abilities: Abilities | None = None
        self.client: Any = self._client(None, False)

    def _client(self, signs: bool | None, once: bool) -> Any:
        """One that signs bytes, does not, or does as botocore thinks fit; that tries once, or a few times."""
        with self._making:
            if (signs, once) not in self._clients:
                self._clients[signs, once] = self._made(signs, once)
            return self._clients[signs, once]

    def _made(self, signs: bool | None, once: bool) -> Any:
        place = self._place
        s3: dict[str, Any] = {"addressing_style": "path" if place.endpoint is not None else "auto"}
        if signs is not None:
            s3["payload_signing_enabled"] = signs
        return self._session.client(
            "s3",
            endpoint_url=place.endpoint,
            region_name=place.region,
            verify=str(place.trusted) if place.trusted is not None else None,
            config=Config(
                s3=s3,
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                max_pool_connections=_CONNECTIONS,
                tcp_keepalive=True,
                retries={"mode": "standard", "total_max_attempts": 1 if once else _TRIES},
                # Ours are over SHA-256 and given with each request; CRC-32 beside them would prove less.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def abilities(self) -> Abilities:
        """What the server does; tried with the first call, see `storage.objects.s3.abilities`."""
        for left in reversed(range(_TRIES)):
            if self._abilities is not None:
                break
            try:
                # Nothing is sent twice, or a lost answer would be taken for a refusal.
                with translated():
                    self._abilities = tried(
                        lambda signs: self._client(signs, True),
                        self.name,
                        is_own=self._place.endpoint is not None,
                    )
            except Unavailable as error:
                if not left or error.code != "store-unavailable":
                    raise
        assert self._abilities is not None
        return self._abilities

    def send(self, operation: str, data: bytes, *, once: bool = False, **arguments: Any) -> Any:
        """A request that carries these bytes with their SHA-256, which the store checks.

        Where it checks that header, the signature is over it alone, so the bytes are not hashed once more;
        where it does not, the signature is over the bytes. `once`: not repeated without an answer.
        """
        digest = b64encode(hashlib.sha256(data).digest()).decode("ascii")
        client = self._client(not self.abilities().checks_digests, once)
        with translated():
            return getattr(client, operation)(
                Bucket=self.name, Body=data, ChecksumSHA256=digest, **arguments
            ) | {"ChecksumSHA256": digest}

    def ask(self, operation: str, **arguments: Any) -> Any:
        """One request of this bucket; its refusals are translated."""
        with translated():
            return getattr(self.client, operation)(Bucket=self.name, **arguments)

    def ask_once(self, operation: str, **arguments: Any) -> Any:
        """The same, not repeated without an answer."""
        with translated():
            return getattr(self._client(None, True), operation)(Bucket=self.name, **arguments)

    def versions(self, prefix: str) -> Iterator[Version]:
        """Every version and marker of every key under `prefix`, keys in order.

        Of a key, within a page, first its versions, the newest first as the store lists them (an instant
        would not do: some stores change it with the lock), then its markers.

        A store that lists `a` behind `a.b`, as SeaweedFS does, and goes on behind the last key of a page
        leaves `a` out where a page ends in between. It is looked for.
        """
        told: set[str] = set()
        for page in self._pages(prefix, PAGE):
            listed = _listed(page)
            last = page["NextKeyMarker"] if page.get("IsTruncated") else ""
            told |= {one.key for one in listed}
            for key in _shorter(last, prefix) - told:
                listed += self.versions_of(key)
            told = {key for key in (*told, *(one.key for one in listed)) if last.startswith(key)}
            yield from sorted(listed, key=lambda one: one.key)

    def _pages(self, prefix: str, size: int) -> Iterator[dict[str, Any]]:
        pages = self.client.get_paginator("list_object_versions").paginate(
            Bucket=self.name, Prefix=prefix, PaginationConfig={"PageSize": size}
        )
        with translated():
            yield from pages

    def versions_of(self, key: str) -> list[Version]:
        """Those of exactly this key, in the same order; fewer than a page of keys begin so."""
        return [one for page in self._pages(key, _MOST) for one in _listed(page) if one.key == key]

    def first_of(self, key: str) -> Version | None:
        """The version that was there first, whatever lies on top of it by now."""
        return next((one for one in reversed(self.versions_of(key)) if not one.is_marker), None)

    def newest_of(self, key: str) -> Version | None:
        """The version that came last, whatever delete marker lies on top of it by now."""
        return next((one for one in self.versions_of(key) if not one.is_marker), None)

    def drop_older(self, key: str) -> None:
        """Remove all but the newest bytes of a replaced object; a version that is locked stays."""
        versions = self.versions_of(key)
        newest = next((one.id for one in versions if not one.is_marker), None)
        for version in versions:
            if version.id == newest:
                continue
            try:
                self.ask("delete_object", Key=key, VersionId=version.id)
            except Unavailable as error:
                _log.warning("an older version of %s stays: %s", key, error)

    def drop_below(self, path: str) -> None:
        """Remove every version of `path` and of what lies below it; what is locked stays.

        One by one: for many at once Ceph asks for a right to the whole bucket.
        """
        for one in self.versions(path):
            if one.key != path and not one.key.startswith(f"{path}/"):
                continue
            try:
                self.ask("delete_object", Key=one.key, VersionId=one.id)
            except Unavailable as error:
                if error.code != REFUSED:
                    raise
                _log.warning("%s stays: %s", one.key, error)


class InTheWay(Exception):  # a state that the callers here resolve, no error that leaves them
    """A condition of a write did not hold: something lies there already, or another than expected."""


@contextmanager
def translated() -> Iterator[None]:
    """botocore's errors as ours; InTheWay where a condition did not hold."""
    try:
        yield
    except ClientError as error:
        raise _refusal(error) from error
    except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError, ConfigParseError) as error:
        raise Unavailable(
            "store-no-keys",
            "There are no keys for the store where `s3.credentials` says (for `custos dispose`: where "
            "`s3.disposal_credentials` says), or this account may not read them. docs/s3.md has the form.",
        ) from error
    except BotoCoreError as error:
        raise unavailable() from error


def is_answer(error: Unavailable) -> bool:
    """Whether the server refuses just this, rather than being away, busy or by another clock."""
    cause = error.__cause__
    if not isinstance(cause, ClientError) or error.code == "store-clock":
        return False
    status = cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status in _REFUSALS


def unavailable() -> Unavailable:
    """It does not answer, or not so that one could go on."""
    return Unavailable(
        "store-unavailable",
        "The store does not answer as it should. Nothing was lost and it is tried again; tell your "
        "administrator to look at the store's server if it lasts.",
    )


def _refusal(error: ClientError) -> Exception:
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _ABSENT:
        return NotStored()
    if code in _IN_THE_WAY:
        return InTheWay(code)
    if status == _FULL_STATUS:
        return NoSpace("store-full", "The store is full. Nothing was lost; give it room, then try again.")
    if code in _SKEWED:
        return Unavailable(
            "store-clock",
            "The store refuses what is signed by a clock that differs from its own by so much. Synchronise "
            "both clocks (chrony, systemd-timesyncd).",
        )
    if code == "NoSuchBucket":
        return Unavailable(
            "store-no-bucket",
            "The store's server answers, and has no bucket of the name that is set. Look whether name and "
            "address (`s3.bucket`, `s3.endpoint`) are right; docs/s3.md says how a bucket is made.",
        )
    _log.warning("the store answered %s to %s: %s", status, error.operation_name, code)
    if status == _FORBIDDEN_STATUS:
        return Unavailable(
            REFUSED,
            "The store refuses what Custos asks of it. Let your administrator compare the rights of its "
            "credentials with docs/s3.md.",
        )
    return unavailable()


def _shorter(key: str, prefix: str) -> set[str]:
    """What `key` continues after a dot, longer than `prefix`: nothing of ours is continued in another way."""
    return {key[:at] for at in range(len(prefix) + 1, len(key)) if key[at] == "."}


def _listed(page: dict[str, Any]) -> list[Version]:
    found = [_version(one, is_marker=False) for one in page.get("Versions", ())]
    return found + [_version(one, is_marker=True) for one in page.get("DeleteMarkers", ())]


def _version(listed: dict[str, Any], *, is_marker: bool) -> Version:
    return Version(listed["Key"], listed["VersionId"], listed.get("Size", 0), is_marker)
