"""Staff lists 人员名单: who works where, as what. Pure.

Invariant: reading a list twice says the same, and what cannot be read makes nobody somebody else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evidence.agents import Role
from evidence.csv_lists import Fault, lines_of
from evidence.errors import Invalid

COLUMNS = ("username", "name", "role", "unit", "above")
REQUIRED = ("username", "role", "unit")
LONGEST_NAME = 128


@dataclass(frozen=True, slots=True)
class Entrant:
    """Somebody, or a station, as a list names them; `above`: the unit that theirs lies below, if said."""

    username: str
    name: str
    role: Role
    unit: str
    above: str | None = None


def parse(data: bytes) -> tuple[Sequence[Entrant], Sequence[Fault]]:
    """The lines of a CSV with a header, in UTF-8 or GB 18030.

    Of two lines with one user name the second is a fault, and so is a line that puts a unit below another
    one than a line before it. Raises Invalid("bad-list") if it is no such list.
    """
    found: dict[str, Entrant] = {}
    above: dict[str, str] = {}
    faults = []
    for number, cells in lines_of(data, REQUIRED):
        try:
            one = _entrant({name: cells.get(name, "") for name in COLUMNS})
        except Invalid as error:
            faults.append(Fault(number, error.message))
            continue
        if one.username in found:
            faults.append(Fault(number, f"the user name {one.username} stands above already"))
        elif one.above is not None and above.setdefault(one.unit, one.above) != one.above:
            faults.append(Fault(number, f"{one.unit} stands above as below {above[one.unit]}"))
        else:
            found[one.username] = one
    return list(found.values()), faults


def _entrant(cells: dict[str, str]) -> Entrant:
    for name in REQUIRED:
        if not cells[name]:
            raise Invalid("bad-line", f"{name} is empty")
    for name, cell in cells.items():
        if len(cell) > LONGEST_NAME:
            raise Invalid("bad-line", f"{name} has more than {LONGEST_NAME} characters")
    if cells["above"] == cells["unit"]:
        raise Invalid("bad-line", "a unit does not lie below itself")
    try:
        role = Role(cells["role"])
    except ValueError as error:
        raise Invalid("bad-line", f"role is one of {', '.join(Role)}") from error
    return Entrant(
        cells["username"], cells["name"] or cells["username"], role, cells["unit"], cells["above"] or None
    )
