"""The policy file (c2sp.org/tlog-policy) that outsiders pin. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from custody.notes import VerifierKey

_GROUP = "witnesses"
_RESERVED = frozenset({"none", _GROUP})


def policy_text(
    log_key: str, witnesses: Sequence[VerifierKey], needed: int, time_policies: Collection[str] = ()
) -> str:
    """One log, its witnesses, and how many of them have to have cosigned a head.

    `time_policies`: those under which every time authority has to sign; for other readers a comment.
    """
    lines = ["# Whose signatures a head of this custody log must have. Compare it with a second source.", ""]
    lines.append(f"log {log_key}")
    lines += [f"#time-policy {policy}" for policy in sorted(set(time_policies))]
    if not witnesses:
        return "\n".join([*lines, "", "quorum none", ""])
    names = _names(witnesses)
    lines += ["", *(f"witness {name} {key}" for name, key in zip(names, witnesses, strict=True))]
    return "\n".join([*lines, "", f"group {_GROUP} {needed} {' '.join(names)}", f"quorum {_GROUP}", ""])


def _names(witnesses: Sequence[VerifierKey]) -> list[str]:
    """The keys' own names where each has its own, else with their identifiers."""
    names = [key.name for key in witnesses]
    if len(set(names)) == len(names) and not _RESERVED.intersection(names):
        return names
    return [f"{key.name}/{key.id.hex()}" for key in witnesses]
