"""Requests to witnesses over HTTP: `custody.asking.AskWitness`."""

from __future__ import annotations

from custody.asking import NoAnswer, WitnessAnswer

#: In all, and until a connection stands: a witness that sends a byte now and then must not hold a round up.
_SECONDS = 6
_CONNECT_SECONDS = 3
_LONGEST_ANSWER = 16 * 1024
_SIZE_TYPE = "text/x.tlog.size"


async def post(url: str, body: bytes) -> WitnessAnswer:
    """See the port. Redirections are not followed: the address is a setting."""
    # An installation without witnesses keeps its log without these megabytes.
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=_SECONDS, sock_connect=_CONNECT_SECONDS)
    try:
        # A session for each: a connection kept open for a second would as often be found closed.
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
            session.post(url, data=body, allow_redirects=False) as answer,
        ):
            data = b""
            async for piece in answer.content.iter_chunked(_LONGEST_ANSWER):
                data += piece
                if len(data) > _LONGEST_ANSWER:
                    raise NoAnswer("its answer is too long")
            is_size = answer.status == 409 and answer.content_type == _SIZE_TYPE
            text = data.decode("utf-8", "replace")
            return WitnessAnswer(answer.status, text, text.removesuffix("\n") if is_size else None)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise NoAnswer(str(error) or type(error).__name__) from error
