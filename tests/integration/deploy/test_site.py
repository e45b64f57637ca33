"""What deploy/compose prepares, with the servers that it is prepared for, outside of containers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.verifier.receipt import verify_receipt
from custos.configuration import load_settings
from custos.stores import open_stores
from evidence.agents import Role
from tests.fault.killing import a_tree
from tests.fault.traffic import receipt_of
from tests.integration.deploy.files import DEPLOY, compose
from tests.media import make_clip
from tests.places import ROOT
from tests.postgres import serving_postgres
from tests.seaweed import WEED, Seaweed, running
from tests.serving.settings import custos_environment
from tests.serving.tree import custos
from tests.valkey import Valkey
from transcode.sandbox import sandbox_argv

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="secrets are root's to give to the accounts")

#: Opened for an account of its own, inside a filter that stays for good.
_FILTERED = """
import json, os, sys
import pyseccomp
profile = json.load(open(sys.argv[1]))
assert profile["defaultAction"] == "SCMP_ACT_ALLOW"
kernel = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
for rule in profile["syscalls"]:
    for name in rule["names"]:
        kernel.add_rule(pyseccomp.ERRNO(rule["errnoRet"]), name)
os.setgid(65534)
os.setuid(65534)
kernel.load()
os.execvp(sys.argv[2], sys.argv[2:])
"""


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    site = tmp_path_factory.mktemp("site") / "site"
    subprocess.run([str(DEPLOY / "compose/prepare.sh"), str(site)], check=True)
    return site / "secrets"


@pytest.fixture(scope="module")
def store(secrets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    with running(tmp_path_factory.mktemp("store"), (secrets / "store-people.json").read_text()) as server:
        yield server


def told(secrets: Path, store: Seaweed) -> dict[str, str]:
    """What compose tells a part, with the store and the secrets where they are here."""
    given = compose()["services"]["api"]["environment"]
    here = {name: value.replace("/run/secrets", str(secrets)) for name, value in given.items()}
    return {**here, "CUSTOS_S3__ENDPOINT": store.endpoint}


def make_bucket(secrets: Path, store: Seaweed) -> subprocess.CompletedProcess[str]:
    keys = {"AWS_SHARED_CREDENTIALS_FILE": str(secrets / "store-admin")}
    return subprocess.run(
        [sys.executable, str(DEPLOY / "s3/make_bucket.py")],
        env={**custos_environment(Path("/nowhere"), **told(secrets, store)), **keys}, cwd=ROOT,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_service_finds_its_bucket_fit(secrets: Path, store: Seaweed, tmp_path: Path) -> None:
    for _ in range(2):
        made = make_bucket(secrets, store)
        assert (made.returncode, made.stdout) == (0, "The bucket evidence is there, with Object Lock.\n"), (
            made
        )
    settings = load_settings(None, {**told(secrets, store), "CUSTOS_DATA": str(tmp_path)})
    assert open_stores(settings).objects


def test_the_stores_program_knows_what_it_is_told() -> None:
    known = subprocess.run([str(WEED), "server", "-h"], capture_output=True, text=True, check=False)
    words = {line.split()[0] for line in (known.stdout + known.stderr).splitlines() if line.startswith("  -")}
    _, command, *options = compose()["services"]["store"]["command"]
    assert command == "server"
    assert {option.partition("=")[0] for option in options} <= words


def test_the_media_sandbox_works_under_the_workers_profile(tmp_path: Path) -> None:
    profile = str(DEPLOY / "compose/seccomp.json")
    links = [("usr/bin", "/bin"), ("usr/lib", "/lib"), ("usr/lib64", "/lib64")]
    film = ("-v", "error", "-f", "lavfi", "-i", "testsrc2=duration=0.1", "-f", "null", "-")
    sandbox = [*sandbox_argv(links=links), "/usr/bin/ffmpeg", *film]
    refused = ["/usr/bin/perl", "-e", "exit(syscall(101, 0, 0, 0, 0) == -1 ? 7 : 0)"]
    for program, status in ((sandbox, 0), (refused, 7)):
        ran = subprocess.run(
            [sys.executable, "-c", _FILTERED, profile, *program], capture_output=True, text=True, check=False
        )
        assert ran.returncode == status, ran.stderr


@pytest.mark.long
def test_a_recording_goes_its_whole_way(secrets: Path, store: Seaweed, tmp_path: Path) -> None:
    """Database, broker, bucket and `custos serve`, each set up by the files of deploy/compose."""
    assert make_bucket(secrets, store).returncode == 0
    broker = Valkey(tmp_path / "broker", secrets / "broker.conf")
    with serving_postgres() as postgres:
        place = str(postgres.base / "socket")
        programs = f"{postgres.programs}:{os.environ['PATH']}"
        subprocess.run(
            [str(DEPLOY / "compose/database.sh")],
            env={"PATH": programs, "PGHOST": place, "SECRETS": str(secrets)},
            check=True,
        )
        settings = told(secrets, store) | {
            "CUSTOS_CATALOGUE__URL": f"postgresql://custos@/custos?host={place}",
            "CUSTOS_BROKER__URL": f"redis://127.0.0.1:{broker.port}/0",
        }
        owner = tmp_path / "owner"
        owner.write_text(
            (secrets / "catalogue-owner").read_text().replace("@database/custos", f"@/custos?host={place}")
        )
        owner.chmod(0o600)
        environment = custos_environment(tmp_path / "data", **settings)
        said = custos(environment, "catalogue", "prepare", "--owner-file", str(owner))
        assert said.startswith("The database is ready. The role custos can add"), said
        broker.start()
        clip = make_clip(tmp_path / "clip.mp4", seconds=1)
        try:
            with a_tree(tmp_path, **settings) as (tree, _):
                client = tree.client(Role.SUPERVISOR)
                receipt = receipt_of(client, client.send(clip.read_bytes(), "clip.mp4"))
                verified = verify_receipt(clip, receipt, tree.public_key)
                assert verified.read_back
                assert client.settled(verified.statement["item"])["playable"]
        finally:
            broker.kill()
