"""The deployment files, against their formats and against the program that they start."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from custos import __version__
from custos.cli import parser
from custos.configuration import load_settings
from tests.integration.deploy.files import (
    CADDYS,
    DEPLOY,
    KUBERNETES,
    UNITS,
    Command,
    commands,
    compose,
    dockerfile,
    manifests,
)
from tests.places import ROOT

PROGRAMS = Path(sys.executable).parent


@pytest.mark.parametrize("command", commands(), ids=lambda one: f"{one.where} {' '.join(one.arguments)}")
def test_what_is_started_is_a_command_and_what_it_is_told_are_settings(command: Command) -> None:
    parsed = parser().parse_args(command.arguments)
    assert callable(parsed.run)
    told = {name: value for name, value in command.environment.items() if name != "CUSTOS_CONFIG"}
    settings = load_settings(None, told)
    assert str(settings.data) == "/var/lib/custos"


def test_the_compose_file_is_one() -> None:
    schema = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    jsonschema.validate(compose(), json.loads(schema.read_text("utf-8")))


def test_each_service_has_as_little_as_it_needs() -> None:
    for name, service in compose()["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert not service.get("privileged"), name
        unconfined = {"apparmor=unconfined", "systempaths=unconfined"} & set(service["security_opt"])
        assert bool(unconfined) == name.startswith("worker-"), name
        assert "healthcheck" in service, name
        assert ":latest" not in service["image"], name
        assert re.search(r":\d+\.\d+", service["image"]), name


def test_each_secret_is_given_to_whoever_names_it_and_is_made(tmp_path: Path) -> None:
    told = compose()
    made = set(told["secrets"])
    for name, service in told["services"].items():
        named = set(re.findall(r"/run/secrets/([\w.-]+)", yaml.safe_dump(service)))
        if name == "database":
            named |= set(re.findall(r"\$secrets/([\w.-]+)", (DEPLOY / "compose/database.sh").read_text()))
        given = set(service.get("secrets", []))
        assert named - given == set() or name in ("bucket", "dispose", "tables"), (name, named - given)
        assert given <= made, name
    if os.geteuid() == 0:
        subprocess.run([str(DEPLOY / "compose/prepare.sh"), str(tmp_path / "site")], check=True)
        assert {path.name for path in (tmp_path / "site/secrets").iterdir()} == made
        before = {path.name: path.read_bytes() for path in (tmp_path / "site/secrets").iterdir()}
        subprocess.run([str(DEPLOY / "compose/prepare.sh"), str(tmp_path / "site")], check=True)
        assert {path.name: path.read_bytes() for path in (tmp_path / "site/secrets").iterdir()} == before


def test_whatever_compose_mounts_is_there() -> None:
    for name, service in compose()["services"].items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source.startswith("./site/data/") or (ROOT / source).is_file(), (name, source)
    environment = compose()["services"]["proxy"]["environment"]
    assert {one for one in environment if one.startswith("CUSTOS_")} == CADDYS
    used = set(re.findall(r"\{\$(CUSTOS_\w+)", (DEPLOY / "caddy/Caddyfile").read_text("utf-8")))
    assert used - CADDYS == {"CUSTOS_WATCH_PORT"}


@pytest.mark.parametrize(
    ("path", "document"), [pytest.param(*one, id=f"{one[0].name}-{one[1]['kind']}") for one in manifests()]
)
def test_a_manifest_is_one(path: Path, document: dict[str, Any]) -> None:
    for version in ("1.33", "1.37"):
        kubernetes_validate.validate(document, version, strict=True)
    assert document["metadata"].get("namespace", "custos") == "custos"
    template = document.get("spec", {}).get("template")
    if template is None:
        return
    pod = template["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert pod["securityContext"]["runAsNonRoot"]
    for container in pod["containers"]:
        held = container["securityContext"]
        assert held["readOnlyRootFilesystem"]
        assert held["allowPrivilegeEscalation"] is False
        assert held["capabilities"] == {"drop": ["ALL"]}
        assert {mount["name"] for mount in container["volumeMounts"]} == {
            one["name"] for one in pod["volumes"]
        }
    is_worker = path.name == "worker.yaml"
    assert ("procMount" in pod["containers"][0]["securityContext"]) == is_worker
    assert (pod.get("hostUsers") is False) == is_worker
    if "selector" in document["spec"]:
        wanted = document["spec"]["selector"]["matchLabels"].items()
        assert wanted <= template["metadata"]["labels"].items()


def test_kustomization_names_all_that_belongs_to_it() -> None:
    told = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text("utf-8"))
    by_hand = {"secrets.example.yaml", "tables.yaml", "kustomization.yaml"}
    assert {path.name for path in KUBERNETES.glob("*.yaml")} == {*told["resources"], *by_hand}
    assert told["images"] == [{"name": "custos", "newTag": __version__}]
    assert f"image: custos:{__version__}" in (KUBERNETES / "tables.yaml").read_text("utf-8")
    assert compose()["services"]["api"]["image"] == f"custos:{__version__}"
    components = {
        document["metadata"]["labels"]["app.kubernetes.io/component"]
        for _, document in manifests()
        if document["kind"] == "Deployment"
    }
    for _, document in manifests():
        if document["kind"] in ("Service", "PodDisruptionBudget"):
            selector = document["spec"]["selector"]
            assert selector.get("matchLabels", selector)["app.kubernetes.io/component"] in components


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for unit in [*UNITS, DEPLOY / "systemd" / "custos.target"]:
        text = unit.read_text("utf-8").replace("/opt/custos/.venv/bin/custos", str(PROGRAMS / "custos"))
        (tmp_path / unit.name).write_text(text)
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (verified.returncode, verified.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_leaves_a_part_little(unit: Path) -> None:
    """What systemd itself makes of it; 10 is a service with nothing set."""
    most = 35 if unit.name in ("custos.service", "custos-worker@.service") else 20
    looked = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={most}", str(unit)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert looked.returncode == 0, looked.stdout[-300:]


@pytest.mark.skipif(os.geteuid() != 0, reason="accounts and owners are root's to give")
def test_the_account_and_its_directories_are_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    for kind in ("sysusers", "tmpfiles"):
        place = tmp_path / "etc" / f"{kind}.d"
        place.mkdir()
        shutil.copy(DEPLOY / "systemd" / f"custos.{kind}", place / "custos.conf")
    subprocess.run(["systemd-sysusers", f"--root={tmp_path}"], check=True, capture_output=True)
    subprocess.run(["systemd-tmpfiles", "--create", f"--root={tmp_path}"], check=True, capture_output=True)
    (account,) = re.findall(r"^custos:.*$", (tmp_path / "etc/passwd").read_text(), re.MULTILINE)
    number = int(account.split(":")[2])
    assert account.split(":")[5] == "/var/lib/custos"
    data, settings = (tmp_path / "var/lib/custos").stat(), (tmp_path / "etc/custos").stat()
    assert (data.st_mode & 0o777, data.st_uid) == (0o700, number)
    assert (settings.st_mode & 0o777, settings.st_uid, settings.st_gid) == (0o750, 0, data.st_gid)


def test_the_dockerfile_keeps_the_rules_of_its_trade() -> None:
    linted = subprocess.run(
        [str(PROGRAMS / "hadolint"), str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False
    )
    assert (linted.returncode, linted.stdout) == (0, "")
    instructions = dockerfile()
    (base,) = [line[1] for line in instructions if line[0] == "ARG"]
    assert re.fullmatch(r"BASE=debian:12\.\d+-slim", base)
    assert ["USER", "10001:10001"] in instructions
    assert ["CMD", '["serve"]'] in instructions


def test_image_and_setup_name_the_same_packages() -> None:
    packages = [
        line for line in (DEPLOY / "packages.txt").read_text("utf-8").splitlines() if not line.startswith("#")
    ]
    assert {"ffmpeg", "bubblewrap"} < set(packages)
    said = subprocess.run(
        ["dpkg-query", "-W", "-f=${Package} ${db:Status-Status}\n", *packages],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert sorted(said.split("\n")[:-1]) == sorted(f"{one} installed" for one in packages)
    for reader in (ROOT / "Dockerfile", DEPLOY / "setup.sh"):
        assert "deploy/packages.txt" in reader.read_text("utf-8")


def test_the_image_has_all_that_the_program_needs(tmp_path: Path) -> None:
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert all((ROOT / one).exists() for one in kept)
    for one in kept:
        if (ROOT / one).is_dir():
            left_out = shutil.ignore_patterns("__pycache__", "node_modules", "vendor")
            shutil.copytree(ROOT / one, tmp_path / one, ignore=left_out)
        else:
            (tmp_path / one).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / one, tmp_path / one)
    script = (
        "import sys; sys.path[:0] = sys.argv[1:]; import custos.cli, api.app, workers.worker, workers.beat, "
        "custos.log_keeper, clients.verifier.log; print(custos.cli.__file__); custos.cli.parser()"
    )
    # Without the way back to this checkout that the environment has.
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, str(tmp_path), sysconfig.get_paths()["purelib"]],
        cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith(str(tmp_path))
