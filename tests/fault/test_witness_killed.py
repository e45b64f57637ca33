"""`custos witness serve` as a process: killed on either side of what it keeps, and started again."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from custody.notes import parse_key, parse_note, require_signed
from custos.cli import main
from tests.places import ROOT
from tests.serving.waiting import PATIENCE_SECONDS
from tests.unit.custody.test_witnessing import KEY, TREES

#: What runs: the command itself, dying before or after the state is durable.
_RUN = """
import os, signal, sys
import custody.witness as witness
from custos.cli import main
real, when = witness.replace, sys.argv.pop(1)
def replace(*arguments):
    if when == "before": os.kill(os.getpid(), signal.SIGKILL)
    real(*arguments)
    if when == "after": os.kill(os.getpid(), signal.SIGKILL)
witness.replace = replace
sys.exit(main(sys.argv[1:]))
"""


@contextmanager
def running(data: Path, when: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The witness, and where it answers."""
    with subprocess.Popen(
        [sys.executable, "-c", _RUN, when, "witness", "serve", "--data", str(data), "--log", str(KEY),
         "--name", "w.test", "--listen", "127.0.0.1:0"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        try:
            assert child.stdout is not None
            line = child.stdout.readline()
            assert line.startswith("w.test+"), child.stderr and child.stderr.read()
            yield child, f"http://{line.split()[-1]}"
        finally:
            child.kill()


def asked(url: str, body: str) -> tuple[int, str, str]:
    """Status, media type and text."""
    request = urllib.request.Request(f"{url}/add-checkpoint", body.encode(), method="POST")
    try:
        answer = urllib.request.urlopen(request, timeout=PATIENCE_SECONDS)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.headers.get_content_type(), answer.read().decode()


def dies(data: Path, when: str, body: str) -> None:
    """Asked, it is gone before it has answered."""
    with running(data, when) as (child, url):
        with pytest.raises(OSError):
            asked(url, body)
        assert child.wait(PATIENCE_SECONDS) == -signal.SIGKILL


def test_killed_around_what_it_keeps_it_goes_on_from_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, tree = tmp_path / "w", TREES[0]
    dies(data, "before", str(tree.asks(0, 9)))
    assert list((data / "heads").glob("*.checkpoint")) == []
    dies(data, "after", str(tree.asks(0, 5)))
    with running(data, "never") as (child, url):
        # Nobody has seen the cosignature of 5, and no other 5 may be cosigned any more.
        assert asked(url, str(tree.asks(0, 9))) == (409, "text/x.tlog.size", "5\n")
        assert asked(url, str(TREES[4].asks(5, 5)))[0] == 422
        status, _, lines = asked(url, str(tree.asks(5, 9)))
        assert status == 200
        key = parse_key(_printed(capsys, "witness", "key", "--data", str(data)))
        require_signed(parse_note(f"{tree.note(9).partition(chr(10) * 2)[0]}\n\n{lines}"), key)

        assert asked(url, "old 9\n\n" + "x" * 40_000)[0] == 413
        assert asked(url, "old 9")[0] == 400
        assert asked(url, str(tree.asks(9, 12)).replace("custos.example", "other.example"))[0] == 404
        assert asked(url, str(tree.asks(9, 12)).replace("\n12\n", "\n13\n"))[0] == 403
        about = urllib.request.urlopen(url, timeout=PATIENCE_SECONDS).read().decode()
        assert str(key) in about

        # A second process on the same directory could cosign a second tree.
        serve = ["witness", "serve", "--data", str(data), "--log", str(KEY)]
        assert main(serve) == 2
        assert "[already-running]" in capsys.readouterr().err
        child.send_signal(signal.SIGTERM)
        assert child.wait(PATIENCE_SECONDS) == 0
        assert child.stderr is not None
        assert "ALARM" in child.stderr.read()

    assert main(["witness", "forks", "--data", str(data), "--log", str(KEY)]) == 1
    assert "FORKED: custos.example/log signed two trees of 5 leaves each, found 20" in capsys.readouterr().out
    assert main(["witness", "forks", "--data", str(data)]) == 1
    assert "no key of custos.example/log is pinned" in capsys.readouterr().out
    (proof,) = (data / "forks").iterdir()
    assert main(["verify", "fork", str(proof), "--key", str(KEY)]) == 0
    assert "FORKED" in capsys.readouterr().out
    one, other, proof_file = (tmp_path / name for name in ("one", "other", "consistency.json"))
    one.write_text(next((data / "heads").iterdir()).read_text())
    hashes = [base64.b64encode(each).decode() for each in tree.proof(9, 30)]
    proof_file.write_text(json.dumps({"old": 9, "new": 30, "proof": hashes}))
    for note, consistency, status in (
        (tree.note(9), [], 0), (tree.note(30), ["--consistency", str(proof_file)], 0), (tree.note(30), [], 1),
        (TREES[4].note(9), [], 1),
    ):  # fmt: skip
        other.write_text(note)
        compare = ["verify", "heads", str(one), str(other), "--key", str(KEY)]
        assert main([*compare, *consistency]) == status
    assert "FORKED: two trees of 9 leaves each" in capsys.readouterr().out
    innocent = {**json.loads(proof.read_bytes()), "offered": tree.note(5)}
    (tmp_path / "made-up.json").write_text(json.dumps(innocent))
    assert main(["verify", "fork", str(tmp_path / "made-up.json"), "--key", str(KEY)]) == 1
    assert main(["witness", "forks", "--data", str(tmp_path)]) == 0
    (data / "forks" / "torn.json").write_text("{")
    assert main(["witness", "forks", "--data", str(data), "--log", str(KEY)]) == 1
    assert "NOT VERIFIED: Expecting" in capsys.readouterr().out
    for wrong in (["--listen", "nowhere"], ["--log", "x"], ["--name", "v.test"]):
        assert main([*serve, *wrong]) == 2
    assert main(["witness", "serve", "--data", str(data)]) == 2


def _printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main(arguments) == 0
    return capsys.readouterr().out.strip()
