"""The sections of the settings: each setting's default, meaning and limits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from evidence.jobs import Cost

_GIB = 1024**3
_BROKER_SCHEMES = ("redis", "rediss", "unix", "amqp", "amqps")


def setting(default: Any, meaning: str, expected: str, **constraints: Any) -> Any:
    """A documented field: what it means, and what a value must look like."""
    return Field(default, description=meaning, json_schema_extra={"expected": expected}, **constraints)


class Section(BaseModel):
    """What stands under one heading of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class ApiSettings(Section):
    """The web server."""

    host: str = setting(
        "127.0.0.1",
        "Address on which the server listens. It speaks plain HTTP: anything but a loopback address "
        "belongs behind a proxy that speaks TLS.",
        "an IP address or a host name",
        min_length=1,
    )
    port: int = setting(
        8420, "TCP port on which the server listens.", "a whole number from 1 to 65535", ge=1, le=65535
    )
    processes: int = setting(
        1,
        "Server processes that `custos serve` runs on that port; whichever is free takes what comes next.",
        "a whole number from 1 to 64",
        ge=1,
        le=64,
    )
    public_url: str | None = setting(
        None,
        "Address under which people and docking stations reach the server, when a proxy stands before it. "
        "Without it the address is made of host and port.",
        "an address that starts with http:// or https://",
        pattern=r"^https?://[^\s/]+(/\S*)?$",
    )


class IngestSettings(Section):
    """How recordings come in."""

    max_bytes: int = setting(
        64 * _GIB, "Bytes that one upload may have.", "a whole number of bytes, 1 or more", ge=1
    )
    unit_quota_bytes: int | None = setting(
        None,
        "Bytes that one unit may have stored, what is on its way in included. Without it there is no quota.",
        "a whole number of bytes, 1 or more",
        ge=1,
    )
    unit_quotas: dict[str, Annotated[int, Field(ge=1)]] = setting(
        {},
        "The same for single units by their names, instead of `unit_quota_bytes`; in a file a table, in the "
        "environment a JSON object.",
        "bytes by the unit's name, each a whole number, 1 or more",
    )
    clock_zone: str = setting(
        "+08:00",
        "How far from UTC the office's clocks are: times that do not say so are read in it, and the days of "
        "figures are its days. What a camera states is kept as it is. After a change, run "
        "`custos search rebuild` and `custos figures rebuild`.",
        "an offset such as +08:00",
        pattern=r"^[+-](0\d|1[0-4]):[0-5]\d$",
    )
    reserve_bytes: int = setting(
        2 * _GIB,
        "Free bytes on the data disk that uploads never touch, so that the catalogue can always write "
        "down who did what.",
        "a whole number of bytes, 0 or more",
        ge=0,
    )
    expire_after_hours: int = setting(
        168,
        "Hours after which an upload that has stood still is given up and its staged bytes are removed. "
        "Evidence that has a receipt is never touched by this.",
        "a whole number of hours, 1 or more",
        ge=1,
    )


class WorkSettings(Section):
    """Background work."""

    concurrency: int = setting(
        2,
        "Jobs that one worker does at the same time, each in a process of its own.",
        "a whole number from 1 to 256",
        ge=1,
        le=256,
    )
    light_concurrency: int = setting(
        4,
        "The same for a worker that takes light work alone, which all is done in one process.",
        "a whole number from 1 to 256",
        ge=1,
        le=256,
    )
    queues: tuple[Cost, ...] = setting(
        tuple(Cost),
        "Which work the workers of this host take, by what it costs: light is what somebody waits for, "
        "transcode makes recordings playable, bulk may take hours. Beside other work, `custos serve` gives "
        "light work a worker of its own. In the environment a JSON list.",
        'a list of "light", "transcode" and "bulk", each at most once',
    )

    @field_validator("queues")
    @classmethod
    def _some(cls, queues: tuple[Cost, ...]) -> tuple[Cost, ...]:
        if not queues or len(set(queues)) < len(queues):
            raise ValueError("none, or one twice")
        return queues


class HostSettings(Section):
    """This host, where Custos runs on several (docs/many.md)."""

    parts: tuple[Literal["api", "worker", "beat", "sequencer"], ...] = setting(
        ("api", "worker", "beat", "sequencer"),
        "What `custos serve` runs on this host. The schedule (beat) and the sequencer are needed once among "
        "all hosts. In the environment a JSON list.",
        'a list of "api", "worker", "beat" and "sequencer"',
    )


class BrokerSettings(Section):
    """How workers are told that a job waits. Losing the broker loses no work."""

    url: str | None = setting(
        None,
        "Address of a Valkey, Redis or RabbitMQ server. Without it `custos serve` runs a Valkey of its "
        "own on a Unix socket in the data directory.",
        "an address that starts with redis://, rediss://, unix://, amqp:// or amqps://",
        pattern=rf"^({'|'.join(_BROKER_SCHEMES)})://\S+$",
        repr=False,
    )
    password_file: Path | None = setting(
        None,
        "File whose first line is the password for `broker.url`, where that names none; readable for the "
        "account running Custos alone. A relative one is meant from the current directory.",
        "a file",
    )
    trusted: Path | None = setting(
        None,
        "PEM file of the authorities that vouch for the broker's TLS (rediss://, amqps://), if it is a "
        "private one. A relative one is meant from the current directory.",
        "a file",
    )

    @field_validator("password_file", "trusted", mode="after")
    @classmethod
    def _absolute(cls, file: Path | None) -> Path | None:
        """Independent of where a child process is started."""
        return None if file is None else file.expanduser().absolute()


class MediaSettings(Section):
    """The programs that read recordings."""

    sandbox: Literal["require", "prefer"] = setting(
        "require",
        "What happens where no sandbox can be set up for ffmpeg and exiftool: `require` leaves the "
        "recording unplayed, `prefer` works without one and says so.",
        '"require" or "prefer"',
    )

    encoder: Literal["auto", "software"] = setting(
        "auto",
        "What encodes H.264 where a browser cannot play a recording: `auto` takes an encoder of the graphics "
        "hardware if it encodes a trial picture, and gives it to the sandbox; `software` never does.",
        '"auto" or "software"',
    )
    fingerprint_closely_minutes: int = setting(
        15,
        "Recordings up to this long are decoded once more, eight pictures a second, so that copies of them "
        "are found by picture; of longer ones only the keyframes are kept. 0: keyframes for all.",
        "a whole number of minutes, 0 or more",
        ge=0,
    )
    parts_over_seconds: int = setting(
        600,
        "A recording that is longer and has to be encoded is made playable in parts: by all workers at once, "
        "to be watched from its beginning while the rest is made.",
        "a whole number of seconds, 1 or more",
        ge=1,
    )
    part_seconds: int = setting(
        120,
        "How long such a part is at least. What a worker was at when it was killed is all that is lost; what "
        "is short waits no longer than for one part.",
        "a whole number of seconds, 1 or more",
        ge=1,
    )


class CustodySettings(Section):
    """The custody log, and whose time is trusted."""

    origin: str | None = setting(
        None,
        "The log's name for ever, best an address of the office without its scheme; set it before the first "
        "start. Without it one is drawn. A log that has begun keeps the name that it has.",
        "a name without spaces or plus signs, such as evidence.example.gov.cn/log",
        pattern=r"^[^\s+]{1,200}$",
    )
    time_authorities: dict[str, str] = setting(
        {},
        "Time authorities (RFC 3161) by their addresses, each with the file of its root certificates; in a "
        "file a table, in the environment a JSON object. A disposal takes the first that answers rightly; "
        "the log's checkpoints are stamped by all of them; without one nothing is disposed of.",
        "PEM files by the authority's address",
    )
    time_authority_policies: dict[str, str] = setting(
        {},
        "The policy under which an authority has to sign, by its address: a token under another is refused. "
        "An authority that is not named here may sign under any of its policies.",
        "object identifiers such as 1.2.3.4.1, each by an address of `custody.time_authorities`",
    )
    time_authority_imprints: dict[str, Literal["sha256", "sm3"]] = setting(
        {},
        "The digest that an authority is asked to sign of checkpoints and seals, by its address, where it is "
        "not SHA-256. The time of a disposal is always signed over SHA-256.",
        '"sha256" or "sm3", each by an address of `custody.time_authorities`',
    )
    time_authorities_needed: int = setting(
        1,
        "How many of the time authorities have to stamp a head of the log for it to count as stamped. All "
        "are asked, and every right answer is kept.",
        "a whole number, 1 or more, and not more than there are authorities",
        ge=1,
    )
    time_authorities_required: list[str] = setting(
        [],
        "Those of the time authorities that have to be among the ones that stamped a head, whatever number "
        "is needed; the others are optional. Where any is named here, disposals go by the time of these "
        "alone, and exports are stamped by them first.",
        "addresses of `custody.time_authorities`",
    )

    embedded_time_authority: bool = setting(
        True,
        "Whether Custos stamps the log's checkpoints and exports itself where no time authority is "
        "configured. Such time is self-asserted, marked so wherever it appears, and proves nothing to an "
        "outsider; nothing is ever disposed of by it.",
        "true or false",
    )

    witnesses: dict[str, str] = setting(
        {},
        "Witnesses of the log: the address of each by its key as `custos witness key` prints it; in a file a "
        "table whose names stand in quotation marks, in the environment a JSON object. All are asked to "
        "cosign each new head.",
        "addresses by the witness' key, as name+id+key",
    )
    witnesses_needed: int | None = setting(
        None,
        "How many of the witnesses have to cosign a head before it is served as witnessed, and how many the "
        "policy of `custos log policy` asks for. Without it more than half of them: two halves could cosign "
        "two histories.",
        "a whole number, 1 or more, and not more than there are witnesses",
        ge=1,
    )

    @field_validator("time_authorities_required")
    @classmethod
    def _among_authorities(cls, required: list[str], known: ValidationInfo) -> list[str]:
        """One that nobody asks would never answer."""
        if not set(required) <= known.data.get("time_authorities", dict.fromkeys(required)).keys():
            raise ValueError("one that is required and no authority")
        return required

    @property
    def required_first(self) -> dict[str, str]:
        """The time authorities in the order in which their word is taken: those that are required first."""
        return self._required | self.time_authorities

    @property
    def disposing_authorities(self) -> dict[str, str]:
        """Those by whose time something may be disposed of."""
        return self._required or self.time_authorities

    @property
    def _required(self) -> dict[str, str]:
        return {url: self.time_authorities[url] for url in self.time_authorities_required}

    @field_validator("time_authority_imprints")
    @classmethod
    def _asked_of_authorities(cls, imprints: dict[str, str], known: ValidationInfo) -> dict[str, str]:
        if not imprints.keys() <= known.data.get("time_authorities", imprints).keys():
            raise ValueError("an imprint for no authority")
        return imprints

    @field_validator("time_authority_policies")
    @classmethod
    def _of_authorities(cls, policies: dict[str, str], known: ValidationInfo) -> dict[str, str]:
        """Bound to an authority that nobody asks, a policy would bind nobody."""
        from cryptography.x509 import ObjectIdentifier

        if not policies.keys() <= known.data.get("time_authorities", policies).keys():
            raise ValueError("a policy of no authority")
        if any(ObjectIdentifier(policy).dotted_string != policy for policy in policies.values()):
            raise ValueError("an object identifier in another spelling")
        return policies


class FixitySettings(Section):
    """Fixity audits: what is kept is read again and compared."""

    every_days: int = setting(
        365,
        "Days after which everything that is kept of an item, and the custody log, is read again and "
        "compared, what was proven longest ago first. 0: only what somebody asks for with "
        "`custos fixity run`.",
        "a whole number of days, 0 or more",
        ge=0,
        le=36_500,
    )
    bytes_per_second: int = setting(
        32 * 1024**2,
        "Bytes that all audits together read in a second; the rest of the disk is for people. "
        "`custos fixity status` says how long a whole round takes at this rate.",
        "a whole number of bytes, 1048576 or more",
        ge=1024**2,
    )


class LogSettings(Section):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = setting(
        "info", "The least important message that is still logged.", '"debug", "info", "warning" or "error"'
    )
