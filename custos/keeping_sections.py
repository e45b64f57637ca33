"""The sections of the settings about where things are kept: catalogue, store, copies."""

from __future__ import annotations

from pathlib import Path

from pydantic import field_validator

from custos.sections import Section, setting

_LONGEST_NAME = 64


class CatalogueSettings(Section):
    """Where the catalogue is: a file of this machine's own, or a PostgreSQL."""

    url: str | None = setting(
        None,
        "Address of a PostgreSQL database that is Custos's alone (docs/postgresql.md). Without it the "
        "catalogue is an SQLite file in the data directory.",
        "an address such as postgresql://custos@db.example/custos",
        pattern=r"^postgres(ql)?://\S+$",
        repr=False,
    )
    password_file: Path | None = setting(
        None,
        "File whose first line is the password for `catalogue.url`, where that names none; readable for the "
        "account running Custos alone. A relative one is meant from the current directory.",
        "a file",
    )

    @field_validator("password_file", mode="after")
    @classmethod
    def _absolute(cls, file: Path | None) -> Path | None:
        """Independent of where a child process is started."""
        return None if file is None else file.expanduser().absolute()


class ProtectionSettings(Section):
    """What the store adds to its own rules where the disk allows it."""

    immutable: bool = setting(
        True,
        "Whether originals get the filesystem's immutable flag where the disk and the account allow it. "
        "Switch it off only for trials whose data is to be thrown away.",
        "true or false",
    )


class S3Settings(Section):
    """A bucket with Object Lock as the store, instead of the data directory."""

    bucket: str | None = setting(
        None,
        "Bucket that keeps the recordings, made with Object Lock, for Custos alone; set it before the first "
        "start. Without it they lie in the data directory. See docs/s3.md.",
        "a bucket's name",
        pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
    )
    endpoint: str | None = setting(
        None,
        "Address of the S3 server. Without it the bucket is one of AWS, in `s3.region`.",
        "an address that starts with http:// or https://",
        pattern=r"^https?://[^\s/]+$",
    )
    region: str = setting(
        "us-east-1", "The bucket's region, as requests are signed for it.", "a region's name", min_length=1
    )
    credentials: Path | None = setting(
        None,
        "File with the service's keys, in the form of AWS's credentials files, section [default]. Without it "
        "what the machine provides counts (environment, instance role).",
        "an absolute path",
    )
    disposal_credentials: Path | None = setting(
        None,
        "The same for `custos dispose`, whose keys alone may remove what is no longer locked; readable for "
        "whoever runs it, and for no part of the service.",
        "an absolute path",
    )
    trusted: Path | None = setting(
        None,
        "PEM file of the authorities that vouch for the server's TLS, if it is a private one.",
        "an absolute path",
    )

    @field_validator("credentials", "disposal_credentials", "trusted")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        """The parts are started from elsewhere."""
        if path is not None and not path.is_absolute():
            raise ValueError("a relative path")
        return path


class ReplicaSettings(Section):
    """Other stores that keep a copy of every original, of the log and of the journal (docs/replicas.md)."""

    directories: dict[str, Path] = setting(
        {},
        "Directories on other disks or machines, by a name for each, with a file `custos-replica` in it that "
        "shows that the disk is mounted; in a file a table, in the environment a JSON object.",
        "absolute paths by the replica's name",
    )
    buckets: dict[str, Path] = setting(
        {},
        "Buckets, by a name for each: the file that says of each what the section [s3] says of the store. "
        "In a file a table, in the environment a JSON object.",
        "absolute paths of TOML files by the replica's name",
    )
    needed: int | None = setting(
        None,
        "How many copies have to be proven before a receipt frees a camera, the store's own included. "
        "Without it all of them.",
        "a whole number, 1 or more, and not more than there are copies",
        ge=1,
    )

    @field_validator("directories", "buckets")
    @classmethod
    def _named(cls, replicas: dict[str, Path]) -> dict[str, Path]:
        for name, path in replicas.items():
            if not path.is_absolute() or not name.isascii() or not name.replace("-", "").isalnum():
                raise ValueError("a relative path, or no plain name")
            if name == "primary" or len(name) > _LONGEST_NAME:
                raise ValueError("a name that is taken or too long")
        return replicas
