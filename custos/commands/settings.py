"""`custos settings`: every setting there is, as the page docs/settings.md."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from custos.configuration import CONFIG_FILE, CONFIG_VARIABLE
from custos.settings import Settings, each_setting, expected_of, variable_of

_HEAD = f"""\
# Settings

<!-- Made by `custos settings`; change custos/sections.py or custos/keeping_sections.py and make it again. -->

A setting comes from the environment, else from one TOML file, else from its default. The file is the one
that `--config` or `{CONFIG_VARIABLE}` names, else `{CONFIG_FILE}` in the data directory, else
`{CONFIG_FILE}` in the current directory. A dot in a name is a table in the file: `api.port`
is `port` under `[api]`. An empty variable counts as not set. Names that Custos does not know are refused,
also in the environment: under Kubernetes set `enableServiceLinks: false` if a service is called `custos`.

| Setting | Variable | Default | Meaning | Expected |
|---|---|---|---|---|
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("settings", help="list every setting as a Markdown page")
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace) -> int:
    """Print the page. Reads no settings, so that it helps when one is wrong."""
    print(page(), end="")
    return 0


def page() -> str:
    """The page docs/settings.md."""
    rows = [
        f"| `{'.'.join(path)}` | `{variable_of(path)}` | {_default(path)} | {field.description} "
        f"| {expected_of(field)} |"
        for path, field in each_setting()
    ]
    return _HEAD + "\n".join(rows) + "\n"


def _default(path: tuple[str, ...]) -> str:
    field = Settings.model_fields[path[0]]
    value = field.default
    for name in path[1:]:
        value = getattr(value, name)
    if value is None:
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{json.dumps(value)}`"
    return f"`./{value}`" if isinstance(value, Path) else f"`{value}`"
