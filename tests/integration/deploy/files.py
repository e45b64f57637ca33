"""What the deployment files say, read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.places import ROOT

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
#: Of Caddy, which reads them out of the same kind of environment.
CADDYS = {"CUSTOS_SITE", "CUSTOS_TLS", "CUSTOS_UPSTREAM", "CUSTOS_HTTP_PORT", "CUSTOS_HTTPS_PORT"}


@dataclass(frozen=True, slots=True)
class Command:
    """A `custos …` somewhere, and the environment that it gets there."""

    where: str
    arguments: tuple[str, ...]
    environment: dict[str, str]


def compose() -> dict[str, Any]:
    """The compose file, its anchors resolved."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    return found


def manifests() -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every object of Kubernetes, with its file."""
    for path in sorted(KUBERNETES.glob("*.yaml")):
        if path.name != "kustomization.yaml":
            for document in yaml.safe_load_all(path.read_text("utf-8")):
                yield path, document


def dockerfile() -> list[list[str]]:
    """The Dockerfile's instructions, each in words."""
    text = "\n".join(
        line for line in (ROOT / "Dockerfile").read_text("utf-8").splitlines() if not line.startswith("#")
    )
    return [line.split() for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def images_environment() -> dict[str, str]:
    """What the image sets."""
    words = [word for line in dockerfile() if line[0] == "ENV" for word in line[1:]]
    return dict(word.split("=", 1) for word in words)


def _of_compose() -> Iterator[Command]:
    for name, service in compose()["services"].items():
        if service["image"].startswith("custos:") and "entrypoint" not in service:
            environment = {**images_environment(), **service["environment"]}
            yield Command(f"docker-compose.yml: {name}", tuple(service["command"]), environment)


def _of_kubernetes() -> Iterator[Command]:
    lines = (KUBERNETES / "settings.env").read_text("utf-8").splitlines()
    settings = dict(line.split("=", 1) for line in lines)
    for path, document in manifests():
        template = document.get("spec", {}).get("template", {})
        for container in template.get("spec", {}).get("containers", []):
            if container["image"].startswith("custos"):
                yield Command(path.name, tuple(container["args"]), {**images_environment(), **settings})


def _of_systemd() -> Iterator[Command]:
    for unit in UNITS:
        lines = unit.read_text("utf-8").replace("\\\n", " ").splitlines()
        said = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
        program, *arguments = said["ExecStart"].split()
        assert program == "/opt/custos/.venv/bin/custos", unit
        environment = dict(word.split("=", 1) for word in said["Environment"].split())
        for instance in ("light", "transcode", "bulk") if "@" in unit.name else ("",):
            yield Command(unit.name, tuple(one.replace("%i", instance) for one in arguments), environment)


def _of_page() -> Iterator[Command]:
    """What docs/deploy.md has people type."""
    for line in (ROOT / "docs/deploy.md").read_text("utf-8").splitlines():
        said = re.fullmatch(r"(?:docker compose exec api )?custos (.*)", line)
        if said is not None:
            yield Command("docs/deploy.md", tuple(said[1].split()), images_environment())


def commands() -> list[Command]:
    """All of them."""
    return [*_of_compose(), *_of_kubernetes(), *_of_systemd(), *_of_page()]
