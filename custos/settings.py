"""What an administrator can set: each setting's default, meaning and limits.

`Settings(…)` itself reads nothing, so that a program or a test gets exactly what it wrote;
`custos.configuration` is what looks around.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from custos.keeping_sections import CatalogueSettings, ProtectionSettings, ReplicaSettings, S3Settings
from custos.sections import (
    ApiSettings,
    BrokerSettings,
    CustodySettings,
    FixitySettings,
    HostSettings,
    IngestSettings,
    LogSettings,
    MediaSettings,
    Section,
    WorkSettings,
    setting,
)

#: Of the environment variables that set something.
PREFIX = "CUSTOS_"
_NESTED = "__"


class Settings(BaseSettings):
    """Every setting, and the places in the data directory that follow from it."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter=_NESTED,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        validate_default=True,
    )

    data: Path = setting(
        Path("custos-data"),
        "Directory that holds everything: staging, store, catalogue and keys. A relative one is meant from "
        "the current directory, or, in a file, from that file's directory.",
        "a directory",
    )
    host: HostSettings = HostSettings()
    api: ApiSettings = ApiSettings()
    ingest: IngestSettings = IngestSettings()
    work: WorkSettings = WorkSettings()
    broker: BrokerSettings = BrokerSettings()
    catalogue: CatalogueSettings = CatalogueSettings()
    media: MediaSettings = MediaSettings()
    protection: ProtectionSettings = ProtectionSettings()
    s3: S3Settings = S3Settings()
    replicas: ReplicaSettings = ReplicaSettings()
    custody: CustodySettings = CustodySettings()
    fixity: FixitySettings = FixitySettings()
    log: LogSettings = LogSettings()

    @field_validator("data", mode="after")
    @classmethod
    def _absolute(cls, data: Path) -> Path:
        """Independent of where a child process is started."""
        return data.expanduser().absolute()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what the caller passes; `load_settings` adds the environment and knows what came from it."""
        return (init_settings,)

    @property
    def staging(self) -> Path:
        """Where uploads wait; on the same filesystem as `store`."""
        return self.data / "staging"

    @property
    def store(self) -> Path:
        """The write-once store."""
        return self.data / "store"

    @property
    def work_directory(self) -> Path:
        """Where renditions are made before they are stored; may be emptied when nothing runs."""
        return self.data / "work"

    @property
    def fingerprints(self) -> Path:
        """Where copies are looked for; can be made again from the recordings."""
        return self.data / "fingerprints"

    @property
    def catalogue_file(self) -> Path:
        """The catalogue's SQLite file, where `catalogue.url` names no database."""
        return self.data / "catalogue" / "custos.db"

    @property
    def keys(self) -> Path:
        """Signing keys; losing them is losing the power to sign, not to verify."""
        return self.data / "keys"

    @property
    def run(self) -> Path:
        """Sockets and locks: nothing that outlives a restart."""
        return self.data / "run"

    @property
    def url(self) -> str:
        """Where people reach the server, without a slash at the end."""
        if self.api.public_url is not None:
            return self.api.public_url.rstrip("/")
        return self.own_url

    @property
    def own_url(self) -> str:
        """Where this machine's server listens, past any proxy, without a slash at the end."""
        host = f"[{self.api.host}]" if ":" in self.api.host else self.api.host
        return f"http://{host}:{self.api.port}"


def each_setting() -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Every setting with its path, in the order of the documentation."""
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, Section):
            for inner, inner_field in section.model_fields.items():
                yield (name, inner), inner_field
        else:
            yield (name,), field


def variable_of(path: tuple[str, ...]) -> str:
    """The environment variable of the setting at `path`."""
    return PREFIX + _NESTED.join(path).upper()


def expected_of(field: FieldInfo) -> str:
    """What a value of this setting must look like, in words."""
    extra = field.json_schema_extra
    return str(extra["expected"]) if isinstance(extra, dict) else ""
