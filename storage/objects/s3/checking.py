"""Whether a bucket keeps what is put into it: asked before anything is, with a clear refusal.

Refused is what would let a recording go, or leave it unlocked, without anybody doing wrong: no versions, no
Object Lock, a default retention in GOVERNANCE or COMPLIANCE mode that would lock what is to be replaced, a
rule that expires or moves objects away, a server whose clock is another, one that would store what changed
on the way. What a server lacks that Custos can do without is said, see `lacking`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import ClientError

from evidence.errors import NoSpace, Unavailable
from storage.objects.s3.client import Bucket, translated

_log = logging.getLogger(__name__)
#: Half of what the shortest lock leaves for it.
MOST_SKEW = timedelta(minutes=1)
_NOT_SET = frozenset(
    {
        "ObjectLockConfigurationNotFoundError",
        "NoSuchLifecycleConfiguration",
        "NoSuchObjectLockConfiguration",
        "NotImplemented",
    }
)
_REMOVES = ("Expiration", "NoncurrentVersionExpiration", "Transitions", "NoncurrentVersionTransitions")


def require_fit(bucket: Bucket, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
    """Raises Unavailable("store-unfit") with every reason, and what else asking the bucket raises.

    A bucket that answers and takes nothing, as a full one, is no reason: what lies there can be read, and
    what its server does is tried again with the first write.
    """
    reasons = list(_unfit(bucket, now))
    try:
        reasons = reasons or list(_unsafe(bucket))
    except (NoSpace, Unavailable) as error:
        if error.code not in {"store-full", "store-unavailable"}:
            raise
        _log.warning("what the server of the bucket %s does could not be tried: %s", bucket.name, error)
        return
    if reasons:
        raise Unavailable("store-unfit", " ".join([f"The bucket {bucket.name} cannot be used.", *reasons]))
    for one in lacking(bucket):
        _log.info("the server of the bucket %s: %s", bucket.name, one.words)


def unfit(bucket: Bucket, now: Callable[[], datetime]) -> Iterator[str]:
    """What speaks against the bucket, in words for whoever set it up.

    A bucket that is otherwise fit is written to below `renditions/probe/`, and left as it was.
    """
    reasons = list(_unfit(bucket, now))
    yield from reasons or _unsafe(bucket)


def _unsafe(bucket: Bucket) -> Iterator[str]:
    if not bucket.abilities().checks_bytes:
        yield (
            "Its server stores bytes that are not those whose SHA-256 it was told, so what changes on the "
            "way would not be noticed. Use another server."
        )


@dataclass(frozen=True, slots=True)
class Lack:
    """What a server does not do, and what Custos does instead; whether that is as good."""

    words: str
    is_made_up_for: bool = True


def lacking(bucket: Bucket) -> Iterator[Lack]:
    """Of a fit bucket's server. Raises what asking the bucket raises."""
    found = bucket.abilities()
    if not found.creates_once:
        yield Lack(
            "It does not heed the condition that nothing may lie there yet. Custos looks at the versions "
            "before and after: the first one counts, and its lock keeps it."
        )
    if not found.exchanges:
        yield Lack(
            "It does not heed the condition that the expected head of the log lies there. Custos goes by the "
            "order of the versions."
        )
    if not found.checks_digests:
        yield Lack(
            "It does not check the SHA-256 beside the bytes. Custos signs the bytes themselves, and that it "
            "does check."
        )
    if not found.locks_parts:
        yield Lack(
            "What is sent in parts (more than 16 MiB) is not locked as it is made. Custos locks it with the "
            "next request, and acknowledges nothing before the lock was read back: what somebody removes in "
            "between is sent again.",
            is_made_up_for=False,
        )
    if found.speaks_swift:
        yield Lack(
            "It speaks Swift too, over which whoever has keys for that lets expire what is locked. Let its "
            "administrator set `rgw enable apis = s3, iam`.",
            is_made_up_for=False,
        )


def _unfit(bucket: Bucket, now: Callable[[], datetime]) -> Iterator[str]:
    versioning = _asked(bucket, "get_bucket_versioning")
    if versioning.get("Status") != "Enabled":
        yield (
            "It does not keep versions, so that what is locked could be covered up. Make a new bucket with "
            "Object Lock enabled."
        )
    locking = _asked(bucket, "get_object_lock_configuration").get("ObjectLockConfiguration", {})
    if locking.get("ObjectLockEnabled") != "Enabled":
        yield "It has no Object Lock: nothing could be locked. Make a new bucket with Object Lock enabled."
    if locking.get("Rule"):
        yield (
            "It has a default retention, which would lock what Custos replaces, and not for as long as the "
            "law asks. Remove the default retention; Custos locks each object itself."
        )
    rules = _asked(bucket, "get_bucket_lifecycle_configuration").get("Rules", [])
    for rule in rules:
        if rule.get("Status") == "Enabled" and any(map(_counts, _parts_of(rule))):
            yield (
                f"Its lifecycle rule {rule.get('ID', 'without a name')} expires objects or moves them away. "
                "Remove that rule; what goes and when is decided by Custos' own disposal."
            )
    skew = _skew(versioning, now())
    if skew is not None and abs(skew) > MOST_SKEW:
        yield (
            f"Its server's clock differs from this machine's by {abs(skew).total_seconds():.0f} seconds, and "
            "locks end by the server's. Synchronise both clocks (chrony, systemd-timesyncd)."
        )


def _asked(bucket: Bucket, operation: str) -> Mapping[str, Any]:
    """The answer; an empty one where nothing of the kind is set."""
    with translated():
        try:
            found: Mapping[str, Any] = getattr(bucket.client, operation)(Bucket=bucket.name)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in _NOT_SET:
                raise
            return {}
    return found


def _parts_of(rule: Mapping[str, Any]) -> Iterator[Any]:
    return (rule[name] for name in _REMOVES if rule.get(name))


def _counts(part: Any) -> bool:
    """Removing a delete marker that nothing lies below harms nothing."""
    return not (isinstance(part, Mapping) and part.keys() == {"ExpiredObjectDeleteMarker"})


def _skew(answer: Mapping[str, Any], now: datetime) -> timedelta | None:
    said = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    if said is None:
        return None
    found = parsedate_to_datetime(said)
    # A proxy that adds a date of its own makes one without a zone of both.
    return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)) - now
