"""How the outcome of a verification is told, to a person or to a program."""

from __future__ import annotations

import json
from collections.abc import Sequence

from clients.verifier.heads import Step


def say(steps: Sequence[Step], *, as_json: bool) -> int:
    """Print what was proven, step by step; the status 0."""
    if as_json:
        told = [{"step": one.title, "proved": one.proved, "not_checked": one.not_checked} for one in steps]
        print(json.dumps({"verified": True, "steps": told}, ensure_ascii=False))
        return 0
    for number, one in enumerate(steps, 1):
        print(f"{number}. {one.title}: {one.proved}.")
        if one.not_checked:
            print(f"   not checked: {one.not_checked}.")
    print("VERIFIED")
    return 0


def refuse(why: str, *, as_json: bool = False) -> int:
    """Print the first thing that is wrong; the status 1."""
    if as_json:
        print(json.dumps({"verified": False, "why": why}, ensure_ascii=False))
    else:
        print(f"NOT VERIFIED: {why}.")
    return 1
