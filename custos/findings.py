"""What `custos doctor` found, one statement at a time, and how a person sees it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Level: TypeAlias = Literal["ok", "warning", "problem"]

_INDENT = " " * 10
_WIDTH = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """One statement. `code` is stable, `words` say what was seen, what follows from it and what to do."""

    level: Level
    code: str
    words: str


def rendered(findings: Sequence[Finding]) -> str:
    """Every finding as a paragraph, and a last line that counts."""
    paragraphs = [
        textwrap.fill(
            f"{finding.words} [{finding.code}]",
            width=_WIDTH,
            initial_indent=f"{finding.level:<10}",
            subsequent_indent=_INDENT,
            break_on_hyphens=False,
        )
        for finding in findings
    ]
    problems = sum(finding.level == "problem" for finding in findings)
    warnings = sum(finding.level == "warning" for finding in findings)
    verdict = "Custos must not be used like this." if problems else "Custos can be used."
    return "\n".join([*paragraphs, "", f"{problems} problems, {warnings} warnings. {verdict}"])
