"""Where settings come from, and what is said when one is wrong.

A setting is taken from the environment (`CUSTOS_API__PORT`), else from one TOML file (`[api] port`), else
from its default. The file is the one that is named (`--config`, `CUSTOS_CONFIG`), else `custos.toml` in the
data directory, else `custos.toml` in the current directory. Names that Custos does not know are refused,
in both places: a misspelt limit must not silently be no limit.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_origin

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource

from custos.listening import LISTEN_FDS
from custos.readiness import READY_FD
from custos.settings import PREFIX, Settings, each_setting, expected_of, variable_of
from evidence.errors import Invalid

CONFIG_FILE = "custos.toml"
CONFIG_VARIABLE = "CUSTOS_CONFIG"
TOKEN_VARIABLE = "CUSTOS_TOKEN"  # noqa: S105  a variable's name
#: Variables with our prefix that are no settings.
_RESERVED = frozenset({CONFIG_VARIABLE, TOKEN_VARIABLE, READY_FD, LISTEN_FDS})


def find_config(config: Path | None, environ: Mapping[str, str] | None = None) -> Path | None:
    """The file that `load_settings` reads: the one that is named, else one that lies where it looks.

    Raises Invalid("bad-setting") when a named file is not there.
    """
    environ = os.environ if environ is None else environ
    named = config or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    if named is not None:
        if not named.is_file():
            asked = "--config" if config is not None else CONFIG_VARIABLE
            raise Invalid(
                "bad-setting",
                f"The settings file {named.name} that {asked} names is not there, or is no file.",
            )
        return named.absolute()
    data = Path(environ.get(variable_of(("data",))) or Settings.model_fields["data"].default)
    for directory in (data.expanduser(), Path.cwd()):
        if (directory / CONFIG_FILE).is_file():
            return (directory / CONFIG_FILE).absolute()
    return None


def load_settings(config: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings in force. `config` is `--config`; `environ` is this process's unless given.

    Raises Invalid("bad-setting") whose message names every setting that is wrong, where it came from
    and what is expected. Values are not repeated: an address may hold a password.
    """
    environ = os.environ if environ is None else environ
    file = find_config(config, environ)
    from_file = {} if file is None else _read(file)
    from_environment, strange = _from_environment(environ)
    try:
        settings = Settings(**_merged(from_file, from_environment))
    except ValidationError as error:
        wrong = [(tuple(map(str, each["loc"])), each["type"]) for each in error.errors()]
        complaints = [_complaint(path, kind, environ, file) for path, kind in wrong]
        raise _refusal([*complaints, *strange]) from None
    if strange:
        raise _refusal(strange)
    return settings


def _refusal(complaints: list[str]) -> Invalid:
    return Invalid("bad-setting", "\n  ".join(["These settings cannot be used:", *complaints]))


def _read(file: Path) -> dict[str, Any]:
    try:
        found = tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid("bad-setting", f"{file.name} is not valid TOML: {error}.") from None
    except OSError as error:
        raise Invalid("bad-setting", f"{file.name} cannot be read: {error.strerror}.") from None
    if isinstance(found.get("data"), str):
        found["data"] = str(file.parent / Path(found["data"]).expanduser())
    return found


def _from_environment(environ: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Values from the environment, and what is to be said of variables that are no setting."""
    known = {variable_of(path): path for path, _ in each_setting()}
    strange = [
        f"{name}: there is no such setting; `custos settings` lists them all."
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in known and name not in _RESERVED
    ]
    source = EnvSettingsSource(Settings)
    tables = {
        variable_of(path): path
        for path, field in each_setting()
        if get_origin(field.annotation) in (dict, tuple)
    }
    given = {name: environ[name] for name in known if environ.get(name)}
    source.env_vars = {name.lower(): value for name, value in given.items() if name not in tables}
    values = source()
    for name in given.keys() & tables.keys():
        section, setting = tables[name]
        values.setdefault(section, {})[setting] = _json_or_text(given[name])
    return values, strange


def _json_or_text(value: str) -> Any:
    """What the text says, or the text, which validation then refuses by the setting's name."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` over `below`, section by section. A value that is no section is left for validation."""
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        both = isinstance(value, dict) and isinstance(under, dict)
        merged[name] = {**under, **value} if both and under is not None else value
    return merged


def _complaint(path: tuple[str, ...], kind: str, environ: Mapping[str, str], file: Path | None) -> str:
    """One line on one wrong setting: where it was written, and what belongs there."""
    # A fault inside a table of values is a fault of the setting that holds it.
    path = path[:2]
    variable = variable_of(path)
    written = file.name if file is not None else "given"
    origin = variable if environ.get(variable) else f"{written}: {'.'.join(path)}"
    fields = dict(each_setting())
    if kind == "extra_forbidden":
        return f"{origin}: there is no such setting; `custos settings` lists them all."
    if path in fields:
        return f"{origin}: expected {expected_of(fields[path])}."
    return f"{origin}: expected a table [{path[0]}] with settings of its own."
