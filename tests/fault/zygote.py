"""Runs lives that end at chosen points: `python -m tests.fault.zygote DIRECTORY CLIP TRIAL…`.

Everything is imported once; each life is a fork. A trial is one point or several joined by commas, one a
life: `27-` dies before the 27th step, `14+` after the 14th; a life that comes to its end earlier is as good.
For each trial a line is printed: `TRIAL ok` or `TRIAL` and the reason. The trial `0` dies nowhere and leaves
the names of the steps in the file `steps`.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import traceback
from pathlib import Path

import api.app  # noqa: F401  imported before the fork, so that each life starts at once
from tests.fault.points import Points
from tests.fault.scenario import run

LIVES = 8


def _fork(step: str, directory: Path, clip: Path, points: Points | None) -> int:
    """Exit status of a life; negative for the signal that ended it."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        if points is not None:
            points.install()
        run(step, directory, clip)
        if points is not None and points.at == 0:
            (directory / "steps").write_text("\n".join(points.names))
    except BaseException:  # noqa: BLE001  a fork must never return into its parent's code
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _points(point: str) -> Points:
    return Points(int(point.rstrip("+-")), after=point.endswith("+"))


def _trial(directory: Path, clip: Path, trial: str) -> str:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for number, point in enumerate(trial.split(",")):
        status = _fork("live", directory, clip, _points(point))
        if status not in (0, -signal.SIGKILL) or (status == 0 and number == 0 and point != "0"):
            return f"life {number + 1} ended with status {status}"
    for _ in range(LIVES):
        if _fork("live", directory, clip, None) == 0:
            break
    else:
        return "no later life came to its end"
    return "ok" if _fork("verify", directory, clip, None) == 0 else "the verification failed"


def main() -> int:
    directory, clip = Path(sys.argv[1]), Path(sys.argv[2])
    failed = 0
    for point in sys.argv[3:]:
        result = _trial(directory, clip, point)
        failed += result != "ok"
        print(point, result, flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
