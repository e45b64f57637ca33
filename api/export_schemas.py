"""Exports over the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from api.schemas import Body, JobOut
from evidence.cases import LONGEST_TEXT
from evidence.exports import USUAL_RENDITIONS, Profile, Wanted
from evidence.timekeeping import to_text
from retrieval.exports import ExportView


class ExportWanted(Body):
    """For whom, why, and what goes along beside the history; names of copies as an item's page lists them."""

    profile: Profile
    reason: str = Field(min_length=1, max_length=LONGEST_TEXT)
    originals: bool = True
    renditions: list[str] = Field(default=list(USUAL_RENDITIONS), max_length=20)

    def wanted(self) -> Wanted:
        """As the domain has it."""
        return Wanted(self.profile, self.reason, self.originals, tuple(self.renditions))


class MadeExportOut(BaseModel):
    """What can be fetched: `path` by ranges too, `seal` beside it. `authority`: who stamped it, if any.

    `self_asserted`: nobody did, and Custos signed its own clock's time over it.
    """

    path: str
    seal: str
    size: int
    files: int
    tagmanifest_sha256: str
    made_at: str
    authority: str | None
    self_asserted: bool


class ExportOut(BaseModel):
    """An export; `gone_at`: since when its files are not there any more."""

    id: str
    matter: str
    subject: str
    profile: str
    reason: str
    originals: bool
    renditions: list[str]
    items: int
    asked_by: str | None
    asked_at: str
    job: JobOut | None
    made: MadeExportOut | None
    gone_at: str | None

    @classmethod
    def of(cls, view: ExportView) -> ExportOut:
        """From the domain."""
        export, wanted = view.export, view.export.wanted
        made = None
        if export.made is not None and export.gone_at is None:
            made = MadeExportOut(
                path=f"/exports/{export.id}/{export.name}.zip",
                seal=f"/exports/{export.id}/seal",
                size=export.made.size,
                files=export.made.files,
                tagmanifest_sha256=export.made.tag_digest,
                made_at=to_text(export.made.at),
                authority=export.made.authority,
                self_asserted=export.made.self_asserted is not None,
            )
        return cls(
            id=export.id,
            matter=export.matter.value,
            subject=export.subject_id,
            profile=wanted.profile.value,
            reason=wanted.reason,
            originals=wanted.originals,
            renditions=list(wanted.renditions),
            items=len(export.items),
            asked_by=view.name,
            asked_at=to_text(export.asked_at),
            job=None if view.job is None else JobOut.of(view.job),
            made=made,
            gone_at=None if export.gone_at is None else to_text(export.gone_at),
        )


class ExportPage(BaseModel):
    """Exports, newest first; `next` continues."""

    exports: list[ExportOut]
    next: str | None

    @classmethod
    def of(cls, views: Sequence[ExportView], following: str | None) -> ExportPage:
        """From the domain."""
        return cls(exports=[ExportOut.of(view) for view in views], next=following)


class RevocationOut(BaseModel):
    """What was kept of whether certificates were revoked: `crl` (RFC 5280), `ocsp` (RFC 6960); base64."""

    kind: str
    data: str


class SealOut(BaseModel):
    """`custos/export-seal-file/1` (docs/formats/export.md §6)."""

    v: str
    statement: str
    token: str | None
    authority: str | None
    self_asserted: str | None
    policy: str | None
    revocation: list[RevocationOut]
    key: str | None
    leaf: str | None
    proof: str | None

    @classmethod
    def of(cls, seal: dict[str, Any]) -> SealOut:
        """From the domain."""
        return cls(**seal)
