"""One request to a witness, over HTTP."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException

_SECONDS = 5.0
_LONGEST_ANSWER = 16 * 1024
_SIZE_TYPE = "text/x.tlog.size"


class NoAnswer(Exception):
    """The witness gave no answer that can be used; the text says why."""


@dataclass(frozen=True, slots=True)
class WitnessAnswer:
    """What it said; `stands_at` is the size that it has cosigned, where its answer is that."""

    status: int
    text: str
    stands_at: str | None


def post(url: str, body: bytes) -> WitnessAnswer:
    """Ask, and wait for the answer; blocks for seconds at most. Raises NoAnswer."""
    request = urllib.request.Request(url, body, {"Content-Type": "text/plain; charset=utf-8"}, method="POST")  # noqa: S310  the settings allow http and https
    try:
        try:
            answer = urllib.request.urlopen(request, timeout=_SECONDS)  # noqa: S310  as above
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            data = answer.read(_LONGEST_ANSWER + 1)
            kind = answer.headers.get_content_type()
            status = int(answer.status)
    except (OSError, HTTPException) as error:
        raise NoAnswer(str(error) or type(error).__name__) from error
    if len(data) > _LONGEST_ANSWER:
        raise NoAnswer("its answer is too long")
    text = data.decode("utf-8", "replace")
    is_size = status == 409 and kind == _SIZE_TYPE
    return WitnessAnswer(status, text, text.removesuffix("\n") if is_size else None)
