"""`make bench`: ratios against a peer or a limit in the same run; ends with status 1 if one is missed.

`python -m tests.benchmarks NAME…` runs some of: ingest playing media serving events log copies search
exports bucket processes, and hours, scale and tall, which are not run by default. `--items N` says how large
scale's catalogue is, `--leaves N` how large tall's log; with `--kept DIR` that log stays there, and one that
is there already is only asked. All load stays on loopback.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from functools import partial
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
    scale,
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
    "search": search.measure,
    "exports": exports.measure,
    "bucket": bucket.measure,
    "processes": processes.measure,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--leaves", type=int, default=10_000_000)
    parser.add_argument("--kept", type=Path)
    given = parser.parse_args()
    report = Report()
    large = {
        "hours": hours.measure,
        "scale": partial(scale.measure, items=given.items),
        "tall": partial(tall.measure, leaves=given.leaves, kept=given.kept),
    }
    suites = SUITES | large
    wanted = given.names or [*SUITES]
    (ROOT / "build").mkdir(exist_ok=True)
    for name in wanted:
        with tempfile.TemporaryDirectory(dir=ROOT / "build", prefix="bench-") as work:
            suites[name](Path(work), report)
    print(f"\n{os.cpu_count()} cores, Python {platform.python_version()}, Linux {platform.release()}\n")
    print(report.markdown())
    return int(not report.met)


if __name__ == "__main__":
    sys.exit(main())
