"""One line a measurement: what, how much, against which limit, met or not."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Line:
    """`met` is None where a figure has no limit of its own."""

    what: str
    measured: str
    limit: str
    met: bool | None


@dataclass
class Report:
    """What was seen in one run."""

    lines: list[Line] = field(default_factory=list)

    def at_least(self, what: str, ratio: float, limit: float, said: str) -> None:
        self._add(Line(what, f"{ratio:.2f} ({said})", f"≥ {limit:g}", ratio >= limit))

    def at_most(self, what: str, value: float, limit: float, said: str) -> None:
        self._add(Line(what, f"{value:.2f} ({said})", f"≤ {limit:g}", value <= limit))

    def seen(self, what: str, measured: str) -> None:
        self._add(Line(what, measured, "none", None))

    def _add(self, line: Line) -> None:
        self.lines.append(line)
        said = {True: "ok  ", False: "MISS", None: "    "}[line.met]
        print(f"{said} {line.what}: {line.measured}, wanted {line.limit}", flush=True)

    @property
    def met(self) -> bool:
        return all(line.met is not False for line in self.lines)

    def markdown(self) -> str:
        said = {True: "yes", False: "**no**", None: ""}
        rows = [f"| {line.what} | {line.measured} | {line.limit} | {said[line.met]} |" for line in self.lines]
        return "\n".join(["| what | measured | wanted | met |", "|---|---|---|---|", *rows])
