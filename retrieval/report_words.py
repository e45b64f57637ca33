"""The words of a custody report, and how times, sizes and people are written in it. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from evidence.ranges import ByteRange
from evidence.report import Language
from evidence.schedules import NO_RULE
from evidence.timekeeping import zone_text

_TEMPLATES = Path(__file__).parent / "templates"
_NOTHING = "—"


@cache
def catalogue(language: Language) -> Mapping[str, str]:
    """Everything that is said in that language, by its key."""
    words: dict[str, str] = tomllib.loads((_TEMPLATES / f"report.{language.value}.toml").read_text("utf-8"))
    return words


@dataclass(frozen=True, slots=True)
class Words:
    """Says things in one language. `names` of agents are empty where a reader may not have them.

    `cases` are the numbers of the cases that the reader may see, by identifier.
    """

    language: Language
    zone: timedelta
    names: Mapping[str, str] = field(default_factory=dict)
    cases: Mapping[str, str] = field(default_factory=dict)

    def say(self, key: str, **values: object) -> str:
        """The catalogue's words of that key; raises KeyError for one that is not in it."""
        return catalogue(self.language)[key].format(**values)

    def knows(self, key: str) -> bool:
        """Whether the catalogue has words for it."""
        return key in catalogue(self.language)

    def one_of(self, group: str, value: object) -> str:
        """The words for a value of a closed list; the value itself where there are none."""
        key = f"{group}.{value}"
        return self.say(key) if self.knows(key) else str(value)

    def stated(self, value: object) -> str:
        """What somebody stated, or a dash."""
        return _NOTHING if value in (None, "") else str(value)

    def when(self, at: datetime) -> str:
        """To the second, in the office's zone."""
        return f"{at + self.zone:%Y-%m-%d %H:%M:%S}"

    def between(self, first: datetime, last: datetime) -> str:
        """From one time to another, the day said once."""
        begins, ends = self.when(first), self.when(last)
        if begins == ends:
            return begins
        return f"{begins} – {ends[11:] if begins[:10] == ends[:10] else ends}"

    def stamped(self, at: datetime) -> str:
        """The same with the zone beside it, where it stands alone."""
        return f"{self.when(at)} {self.zone_name}"

    @property
    def zone_name(self) -> str:
        """The zone of all times of the report."""
        return f"UTC{zone_text(self.zone)}"

    def who(self, agent_id: str | None) -> str:
        """Who acted: by name where it may be told, else by the pseudonym under which the log has them."""
        if agent_id is None:
            return self.say("custos")
        return self.names.get(agent_id) or self.say("unnamed", id=agent_id)

    def basis(self, said: str) -> str:
        """What a time of keeping rests on, in the law's words, or that nothing does."""
        return self.say("no-rule") if said == NO_RULE.basis else said

    def size(self, count: int) -> str:
        """With separators."""
        return f"{count:,}"

    def ranges(self, ranges: Iterable[ByteRange]) -> str:
        """Stretches of an item's time, never longer than they are."""
        joint = "、" if self.language is Language.CHINESE else ", "
        return joint.join(f"{clock(-(-begins // 100))}–{clock(ends // 100)}" for begins, ends in ranges)

    def listed(self, parts: Iterable[str]) -> str:
        """Several things in a row."""
        return ("；" if self.language is Language.CHINESE else "; ").join(part for part in parts if part)

    def kind_of(self, kind: str) -> str:
        """What a rendition is, in words: `still-40000` is a still."""
        whole = f"rendition.{kind}"
        return self.say(whole) if self.knows(whole) else self.one_of("rendition", kind.partition("-")[0])


def clock(tenths: int) -> str:
    """Tenths of a second as `12:40`, `00:00.9` or `1:02:03`."""
    seconds, rest = divmod(tenths, 10)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"
    return f"{text}.{rest}" if rest else text


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is an object; what a detail holds is judged, not trusted."""
    return value if isinstance(value, Mapping) else {}
