"""A day at a county bureau as a plan: who records what, which lists there are, what must come of it. Pure.

Nothing here asks Custos: what it answers is compared with what was planned. Twelve officers of three squads
record two hundred segments; among them are a recording that came in late, two of which a file was lost, a
camera whose clock is a year behind, a voice recorder, recordings that two lines of a list fit, and such that
no line fits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum
from functools import cached_property
from itertools import pairwise

BUREAU = "县综合行政执法局"
SQUADS = ("一中队", "二中队", "三中队")
NEIGHBOURS = "邻县综合行政执法局"
ZONE = timezone(timedelta(hours=8))
#: Every segment plays so long; cameras cut by the minute, but the whole day has to be encoded and sent.
SEGMENT = timedelta(seconds=3)
_OFFICERS = ("李明", "王芳", "张伟", "刘洋", "陈静", "杨帆", "赵磊", "黄丽", "周涛", "吴敏", "徐强", "孙悦")
_CATEGORIES = ("penalty", "inspection", "coercion", "penalty", "licensing")
_PLACES = ("人民路", "建设街", "滨河公园", "农贸市场", "客运站")
#: Segments of each task of an officer's day; the last four have one less.
_LONG_DAY = (4, 3, 5, 2, 3)
_SHORT_DAY = (4, 3, 4, 2, 3)
_BETWEEN_TASKS = timedelta(minutes=50)
_HOLE = timedelta(seconds=2)
_LATE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Post:
    """Somebody at the bureau, or one of its stations."""

    username: str
    name: str
    role: str
    unit: str
    above: str = ""


class Fate(Enum):
    """What becomes of a task's items: linked by a list, to the case that the officer named, or none of it."""

    LISTED = "listed"
    NAMED = "named"
    AMBIGUOUS = "ambiguous"
    BARE = "bare"


@dataclass(frozen=True, slots=True)
class Task:
    """What an officer was sent to. `cases` are the one it belongs to, or the ones that it may belong to."""

    officer: int
    number: int
    fate: Fate
    cases: tuple[str, ...]
    category: str
    begins: datetime

    @property
    def squad(self) -> str:
        """The unit."""
        return SQUADS[self.officer // 4]


@dataclass(frozen=True, slots=True)
class Segment:
    """One file, and what its station says of it. `shown` is what the device's clock showed at its beginning.

    `recording` names what it is a segment of, for whoever counts; `told` is whether the station says so too.
    """

    key: str
    name: str
    task: Task
    kind: str
    device: str
    officer: str | None
    shown: datetime | None
    recording: str | None
    part: int
    told: bool
    file_number: int | None

    @property
    def station(self) -> str:
        """Who sends it."""
        return f"dock-{self.task.officer // 4 + 1}"

    @property
    def ends(self) -> datetime | None:
        """When it ended by the device's clock."""
        return None if self.shown is None else self.shown + SEGMENT

    def metadata(self, sha256: str) -> dict[str, str]:
        """What the station says on sending."""
        said = {
            "filename": self.name,
            "device": self.device,
            "category": self.task.category,
            "medium": "TF card",
            "method": "docking station",
            "sha256": sha256,
        }
        if self.officer is not None:
            said["officer"] = self.officer
        if self.shown is not None and self.ends is not None:
            # Cameras show a time and no zone.
            said["time-start.device-clock"] = f"{self.shown.astimezone(ZONE):%Y-%m-%d %H:%M:%S}"
            said["time-end.device-clock"] = f"{self.ends.astimezone(ZONE):%Y-%m-%d %H:%M:%S}"
        if self.told and self.recording is not None:
            said |= {"recording": self.recording, "segment": str(self.part)}
        if self.task.fate is Fate.NAMED:
            said["case"] = self.task.cases[0]
        return said


@dataclass(frozen=True, slots=True)
class Expected:
    """What the figures must say of some segments, but for lengths and bytes."""

    items: int
    recordings: int
    tagged: int
    timed: int
    late: int


@dataclass(frozen=True)
class Day:
    """The whole day; `now` is when it is sent."""

    now: datetime
    tasks: tuple[Task, ...]
    segments: tuple[Segment, ...]

    @cached_property
    def people(self) -> tuple[Post, ...]:
        """Everybody whom the staff list names, stations too."""
        officers = [
            Post(police_number(number), name, "officer", SQUADS[number // 4], BUREAU)
            for number, name in enumerate(_OFFICERS)
        ]
        stations = [
            Post(f"dock-{number}", f"{squad}采集站", "station", squad, BUREAU)
            for number, squad in enumerate(SQUADS, 1)
        ]
        desk = [
            Post("020001", "周局长", "supervisor", BUREAU),
            Post("020002", "钱主任", "supervisor", BUREAU),
            Post("020003", "郑档案", "archivist", BUREAU),
            Post("020004", "冯审核", "reviewer", BUREAU),
            Post("020005", "褚法制", "legal-reviewer", BUREAU),
            Post("020006", "卫审计", "auditor", BUREAU),
            Post("020011", "蒋队长", "supervisor", SQUADS[0], BUREAU),
            Post("990001", "沈邻县", "supervisor", NEIGHBOURS),
        ]
        return (*officers, *stations, *desk)

    def of(self, *fates: Fate) -> list[Segment]:
        """The segments of tasks with these fates."""
        return [one for one in self.segments if one.task.fate in fates]

    def late(self) -> list[Segment]:
        """What ended more than a day before it is sent, by its device's clock."""
        return [one for one in self.segments if one.ends is not None and one.ends < self.now - _LATE]

    def expected(self, segments: Sequence[Segment], tagged: Iterable[str]) -> Expected:
        """What the figures must say of these, of which those with the keys `tagged` are linked."""
        known = set(tagged)
        late = {one.key for one in self.late()}
        return Expected(
            items=len(segments),
            recordings=len({(one.task.squad, one.recording) for one in segments if one.recording}),
            tagged=sum(one.key in known for one in segments),
            timed=sum(one.shown is not None for one in segments),
            late=sum(one.key in late for one in segments),
        )

    def gaps(self, segments: Sequence[Segment]) -> tuple[int, int]:
        """Holes and missing file numbers of the days of the devices of these, by the devices' clocks."""
        days: dict[tuple[str, date], list[Segment]] = {}
        for one in segments:
            if one.shown is not None:
                days.setdefault((one.device, one.shown.astimezone(ZONE).date()), []).append(one)
        holes = missing = 0
        for found in days.values():
            in_time = sorted(found, key=lambda one: one.shown or self.now)
            for before, after in pairwise(in_time):
                assert before.ends is not None
                assert after.shown is not None
                holes += after.shown - before.ends > _HOLE
                if before.file_number is not None and after.file_number is not None:
                    missing += max(after.file_number - before.file_number - 1, 0)
        return holes, missing

    def lines(self, squad: str, upto: int) -> list[dict[str, str]]:
        """The squad's dispatch list with the officers' first `upto` tasks."""
        found = []
        for task in self.tasks:
            if task.squad != squad or task.number >= upto or task.fate not in (Fate.LISTED, Fate.AMBIGUOUS):
                continue
            for place, case in enumerate(task.cases, 1):
                found.append(
                    {
                        "reference": f"J{task.officer + 1:02}-{task.number + 1}-{place}",
                        "case_number": case,
                        "officer": police_number(task.officer),
                        "device": _device(task),
                        "begins": f"{task.begins - timedelta(minutes=3):%Y-%m-%d %H:%M}",
                        "ends": f"{task.begins + timedelta(minutes=20):%Y-%m-%d %H:%M}",
                        "category": task.category,
                        "title": f"{_PLACES[task.number]}执法",
                        "place": _PLACES[task.number],
                    }
                )
        return found


def police_number(officer: int) -> str:
    """警号: the user name, and what cameras write into file names."""
    return f"0101{officer + 1:02}"


def plan(now: datetime) -> Day:
    """The day that ended shortly before `now`."""
    now = now.astimezone(UTC).replace(microsecond=0)
    shift = _shift(now)
    tasks = tuple(_tasks(now, shift))
    return Day(now, tasks, tuple(_segments(tasks)))


def _shift(now: datetime) -> datetime:
    """The beginning of five and a half hours of one calendar day, all of it in the last eighteen."""
    local = now.astimezone(ZONE)
    ends = local - timedelta(minutes=30)
    if (ends - timedelta(minutes=330)).date() != ends.date():
        ends = local.replace(hour=18, minute=0) - timedelta(days=1)
    return (ends - timedelta(minutes=330)).replace(second=0)


def _tasks(now: datetime, shift: datetime) -> Iterable[Task]:
    for officer in range(len(_OFFICERS)):
        for number in range(5):
            squad, category = SQUADS[officer // 4], _CATEGORIES[number]
            begins = shift + number * _BETWEEN_TASKS + timedelta(minutes=officer)
            case = f"{squad[0]}执〔{begins:%Y}〕第{officer * 10 + number + 1:03}号"
            task = Task(officer, number, Fate.LISTED, (case,), category, begins)
            match officer, number:
                case 0, 4:
                    task = replace(task, fate=Fate.NAMED)
                case 1, 2:
                    task = replace(task, fate=Fate.AMBIGUOUS, cases=(case, case.replace("号", "-2号")))
                case 2, 1:
                    # Its recordings name no officer: the line fits them only partly.
                    task = replace(task, fate=Fate.AMBIGUOUS)
                case 5, 0:
                    # Two officers at one matter.
                    task = replace(task, cases=(f"{squad[0]}执〔{begins:%Y}〕第041号",))
                case 5, 3:
                    late = (now - timedelta(hours=30)).astimezone(ZONE).replace(second=0)
                    task = replace(task, begins=late)
                case _, 4:
                    task = replace(task, fate=Fate.BARE, cases=())
            yield task


def _device(task: Task) -> str:
    if (task.officer, task.number) == (7, 2):
        return "VR-000208"
    return f"DSJ-A7-0003{task.officer + 1:02}"


def _segments(tasks: Sequence[Task]) -> Iterable[Segment]:
    counters: dict[str, int] = {}
    for task in sorted(tasks, key=lambda one: (one.officer, one.begins)):
        yield from _of_task(task, counters)
    for officer in range(8, 12):
        bare = next(one for one in tasks if (one.officer, one.number) == (officer, 4))
        yield Segment(
            f"photo-{officer}", f"现场照片-{officer + 1}.jpg", bare, "photo", f"DSJ-A7-0003{officer + 1:02}",
            police_number(officer), None, None, 0, told=False, file_number=None,
        )  # fmt: skip


def _of_task(task: Task, counters: dict[str, int]) -> Iterable[Segment]:
    device, place = _device(task), (task.officer, task.number)
    wanted = (_LONG_DAY if task.officer < 8 else _SHORT_DAY)[task.number]
    told = task.squad == SQUADS[2]
    # Whose third file never came: without a number that says so, what follows is another recording.
    lost = {(6, 0): 3, (9, 0): 2}.get(place)
    begins = task.begins
    if place == (11, 4):
        begins = begins.replace(year=begins.year - 1, day=min(begins.day, 28))
    name, part = f"{device}-{task.number + 1}", 0
    for _ in range(wanted):
        part += 1
        counters[device] = counters.get(device, 0) + 1
        if part == lost:
            part += 1
            counters[device] += 1
            name = name if told else f"{name}b"
        shown = begins + (part - 1) * SEGMENT
        who = None if place == (2, 1) else police_number(task.officer)
        yield Segment(
            f"{device}-{counters[device]:04}", _file_name(device, who, shown, counters[device]), task,
            "audio" if device.startswith("VR") else "video", device, who, shown, name, part,
            told=told, file_number=None if device.startswith("VR") else counters[device],
        )  # fmt: skip


def _file_name(device: str, officer: str | None, shown: datetime, number: int) -> str:
    if device.startswith("VR"):
        return f"REC{number:04}.m4a"
    # A camera that nobody signed for writes zeros.
    who = officer or "000000"
    return f"{device}_{who}_{shown.astimezone(ZONE):%Y%m%d%H%M%S}_{number:04}.mp4"
