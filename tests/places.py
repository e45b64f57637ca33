"""Where things lie that tests read."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: Recordings beside the checkout; where they are not, the tests that need them say so.
SAMPLES = ROOT.parent / "shared" / "samples"
