"""Requests that stall, break off, meet each other or do not stop."""

from __future__ import annotations

from evidence.agents import Role
from tests.integration.ingest.sending import BLOCK, some_bytes, staged
from tests.serving.client import OCTETS, TUS, Client
from tests.serving.inside import Inside
from tests.serving.waiting import eventually


class Stalled:
    """A request that has sent the first part of its body and then nothing more."""

    def __init__(self, inside: Inside, client: Client, upload: str, data: bytes, sent: int) -> None:
        self.line = client.dial()
        self.line.sendall(
            client.request_head(
                "PATCH",
                upload,
                {**TUS, "Content-Type": OCTETS, "Upload-Offset": "0", "Content-Length": str(len(data))},
            )
        )
        self.line.sendall(data[:sent])
        # The first block lies on the disk: the server is in the middle of receiving.
        eventually(lambda: staged(inside, upload).stat().st_size > 0, "the stalled request has begun")

    def __enter__(self) -> Stalled:
        return self

    def __exit__(self, *_: object) -> None:
        self.line.close()

    def ending(self) -> bytes:
        """What the server says in the end: a status line, or nothing if it hangs up."""
        try:
            return self.line.recv(65_536).split(b"\r\n")[0]
        except ConnectionError:
            return b""


def test_a_colleague_does_not_write_into_what_is_being_sent(inside: Inside, station: Client) -> None:
    data = some_bytes(4 * BLOCK)
    upload = station.created(len(data))
    colleague = inside.another(Role.STATION)
    with Stalled(inside, station, upload, data, 3 * BLOCK) as stalled:
        answer = colleague.patch(upload, 0, data)
        assert (answer.status, answer.code) == (423, "upload-busy")
        assert colleague.ask("DELETE", upload, headers=TUS).status == 423
        assert colleague.ask("HEAD", upload, headers=TUS).status == 423
        stalled.line.sendall(data[3 * BLOCK :])
        assert b" 204 " in stalled.ending()
    item = station.committed(upload)
    assert inside.client(Role.REVIEWER).get(f"/items/{item}/original").body == data


def test_a_newer_request_takes_over_from_a_stalled_one(inside: Inside, station: Client) -> None:
    data = some_bytes(4 * BLOCK)
    upload = station.created(len(data))
    with Stalled(inside, station, upload, data, 3 * BLOCK) as stalled:
        offset = station.offset(upload)
        assert offset >= 2 * BLOCK
        assert station.patch(upload, offset, data[offset:]).status == 204
        ending = stalled.ending()
        assert ending == b"" or b" 409 " in ending
    item = station.committed(upload)
    assert inside.client(Role.REVIEWER).get(f"/items/{item}/original").body == data


def test_what_came_before_a_cut_is_kept(inside: Inside, station: Client) -> None:
    data = some_bytes(4 * BLOCK)
    upload = station.created(len(data))
    with Stalled(inside, station, upload, data, 3 * BLOCK):
        pass
    offset = eventually(lambda: station.offset(upload) or None, "what arrived is durable")
    assert offset <= 3 * BLOCK
    assert station.patch(upload, offset, data[offset:]).status == 204
    item = station.committed(upload)
    assert inside.client(Role.REVIEWER).get(f"/items/{item}/original").body == data


def test_bytes_beyond_the_declared_length_are_refused_when_nobody_announced_them(
    inside: Inside, station: Client
) -> None:
    data = some_bytes(3 * BLOCK)
    upload = station.created(len(data))
    sent = data + some_bytes(2 * BLOCK, seed=2)
    with station.dial() as line:
        line.sendall(
            station.request_head(
                "PATCH",
                upload,
                {**TUS, "Content-Type": OCTETS, "Upload-Offset": "0", "Transfer-Encoding": "chunked"},
            )
        )
        try:
            for start in range(0, len(sent), 65_536):
                piece = sent[start : start + 65_536]
                line.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
            line.sendall(b"0\r\n\r\n")
            assert b" 413 " in line.recv(65_536).split(b"\r\n")[0]
        except ConnectionError:
            # It may hang up on somebody who does not stop.
            pass
    offset = eventually(lambda: _settled_offset(station, upload, data), "the request has ended")
    assert offset <= len(data)
    assert inside.client(Role.REVIEWER).get(f"/items/{station.committed(upload)}/original").body == data


def _settled_offset(station: Client, upload: str, data: bytes) -> int | None:
    """Go on from where the upload stands, until it has everything."""
    offset = station.offset(upload)
    if offset < len(data):
        answer = station.patch(upload, offset, data[offset:])
        assert answer.status in (204, 409, 423)
        return None
    return offset
