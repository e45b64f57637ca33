"""An export made after the signing key was replaced, checked by somebody who pinned the key before that."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from clients.verifier.export import verify_export
from clients.verifier.heads import pinned
from clients.verifier.keys import verified_chain
from clients.verifier.receipt import NotVerified
from evidence.agents import Role
from tests.media import make_clip
from tests.serving.exports import asked, kept
from tests.serving.films import segment
from tests.serving.inside import served_inside


def test_a_key_pinned_before_a_rotation_leads_to_what_was_exported_after_it(tmp_path: Path) -> None:
    data, camera = tmp_path / "data", make_clip(tmp_path / "clip.mp4", seconds=2).read_bytes()
    with served_inside(data) as server:
        item = segment(server, camera, "DSJ-1", "100000", 1)
        archivist = server.client(Role.ARCHIVIST)
        (tmp_path / "before").mkdir()
        before = kept(server, archivist, asked(archivist, f"/items/{item}/exports"), tmp_path / "before")
        pin = pinned(archivist.get("/log/key").body.decode())
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("a passphrase of some length\n")
    rotate = ["keys", "rotate", "--reason", "yearly", "--passphrase-file", str(passphrase)]
    done = subprocess.run(
        [sys.executable, "-m", "custos", *rotate],
        env={**os.environ, "CUSTOS_DATA": str(data), "CUSTOS_PROTECTION__IMMUTABLE": "false"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with served_inside(data) as server:
        archivist = server.client(Role.ARCHIVIST)
        found = kept(server, archivist, asked(archivist, f"/items/{item}/exports"), tmp_path)
        new = pinned(archivist.get("/log/key").body.decode())
        chain = verified_chain(archivist.get("/log/keys").json())
    assert new.key_id != pin.key_id
    for key in (pin, new):
        steps = {step.title: step.proved for step in verify_export(found.archive, key, found.seal)}
        assert steps["receipts"].startswith("1 receipts are signed")
        assert "in its log" in steps["seal"]
    # One that was made before, for whoever pinned the key after: by the longer chain, and not without it.
    verify_export(before.archive, chain.leads_from(new), before.seal)
    with pytest.raises(NotVerified, match="not in the chain of keys"):
        verify_export(before.archive, new, before.seal)
    stranger = replace(pin, key_id=b"none")
    with pytest.raises(NotVerified, match="not in the chain of keys"):
        verify_export(found.archive, stranger, found.seal)
