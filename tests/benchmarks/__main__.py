"""`make bench`: ratios against a peer or a limit in the same run; ends with status 1 if one is missed.

`python -m tests.benchmarks NAME…` runs some of: ingest playing media serving events log copies search
exports bucket processes, and hours and tall, which are not run by default. All load stays on loopback.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from pathlib import Path

from tests.benchmarks import (
    bucket,
    copies,
    events,
    exports,
    hours,
    ingest,
    log,
    media,
    playing,
    processes,
    search,
    serving_out,
    tall,
)
from tests.benchmarks.results import Report
from tests.benchmarks.serving import ROOT

SUITES = {
    "ingest": ingest.measure,
    "playing": playing.measure,
    "media": media.measure,
    "serving": serving_out.measure,
    "events": events.measure,
    "log": log.measure,
    "copies": copies.measure,
    "hours": hours.measure,
    "search": search.measure,
    "exports": exports.measure,
    "bucket": bucket.measure,
    "processes": processes.measure,
    "tall": tall.measure,
}

#: These take a quarter of an hour and more.
_LONG = ("hours", "tall")


def main() -> int:
    report = Report()
    wanted = sys.argv[1:] or [name for name in SUITES if name not in _LONG]
    (ROOT / "build").mkdir(exist_ok=True)
    for name in wanted:
        with tempfile.TemporaryDirectory(dir=ROOT / "build", prefix="bench-") as work:
            SUITES[name](Path(work), report)
    print(f"\n{os.cpu_count()} cores, Python {platform.python_version()}, Linux {platform.release()}\n")
    print(report.markdown())
    return int(not report.met)


if __name__ == "__main__":
    sys.exit(main())
