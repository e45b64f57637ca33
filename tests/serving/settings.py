"""What a Custos under test is told: an environment for processes of its own, settings for one inside this."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from custos.keeping_sections import CatalogueSettings, ProtectionSettings, ReplicaSettings, S3Settings
from custos.sections import ApiSettings, CustodySettings, IngestSettings, MediaSettings
from custos.settings import Settings

RESERVE_BYTES = 1 << 20


def custos_environment(data: Path, s3: S3Settings | None = None, **settings: str) -> dict[str, str]:
    """This environment with exactly these settings."""
    bucket = {} if s3 is None else s3.model_dump(mode="json", exclude_none=True)
    plain = {name: value for name, value in os.environ.items() if not name.startswith("CUSTOS_")}
    return {
        **plain,
        "CUSTOS_DATA": str(data),
        "CUSTOS_PROTECTION__IMMUTABLE": "false",
        "CUSTOS_INGEST__RESERVE_BYTES": str(RESERVE_BYTES),
        "CUSTOS_MEDIA__SANDBOX": "prefer",
        **{f"CUSTOS_S3__{name.upper()}": value for name, value in bucket.items()},
        **settings,
    }


def settings_for(
    data: Path,
    media: Mapping[str, Any] | None = None,
    custody: Mapping[str, Any] | None = None,
    s3: S3Settings | None = None,
    catalogue: str | None = None,
    replicas: ReplicaSettings | None = None,
    **ingest: Any,
) -> Settings:
    """The same for one inside this process, with these settings of what is made and these upload limits.

    `catalogue` is the address of a database; without it there is SQLite.
    """
    return Settings(
        data=data,
        api=ApiSettings(),
        ingest=IngestSettings(**{"reserve_bytes": RESERVE_BYTES, **ingest}),
        catalogue=CatalogueSettings(url=catalogue),
        media=MediaSettings(**{"sandbox": "prefer", **(media or {})}),
        protection=ProtectionSettings(immutable=False),
        custody=CustodySettings(**(custody or {})),
        s3=s3 or S3Settings(),
        replicas=replicas or ReplicaSettings(),
    )
