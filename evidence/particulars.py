"""What a court asks of an item: who made it, when, where and how, and what it proves. Pure.

Fa Shi [2002] No. 21, article 12, asks of audio-visual material its maker 制作人, time 制作时间, method
制作方法 and what it is to prove 证明对象, and of sound a written record of its content.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from evidence.canonical import Json
from evidence.errors import Invalid

LONGEST = 4_000
#: A written record of an hour's talk fits.
LONGEST_TRANSCRIPT = 200_000
_WITH_SOUND = frozenset({"video", "audio"})


@dataclass(frozen=True, slots=True)
class Particulars:
    """In the words of whoever states them; "" where nothing was stated. None is checked against the file."""

    maker: str = ""
    made_at: str = ""
    made_where: str = ""
    method: str = ""
    proves: str = ""
    transcript: str = ""

    def as_json(self) -> dict[str, Json]:
        """The form in event details and the catalogue."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Particulars:
        """The inverse of `as_json`."""
        return cls(**{one.name: str(value[one.name]) for one in fields(cls)})

    def checked(self) -> Particulars:
        """Without space at the ends of its texts; raises Invalid("too-much-detail")."""
        stripped = {name: str(text).strip() for name, text in self.as_json().items()}
        for name, text in stripped.items():
            longest = LONGEST_TRANSCRIPT if name == "transcript" else LONGEST
            if len(text) > longest:
                raise Invalid("too-much-detail", f"{name} has at most {longest} characters.")
        return Particulars(**stripped)

    def missing(self, kind: str) -> tuple[str, ...]:
        """What a court would still ask of an item of that kind; a written record where there is sound."""
        asked = [name for name in self.as_json() if name != "transcript" or kind in _WITH_SOUND]
        return tuple(name for name in asked if not getattr(self, name))
