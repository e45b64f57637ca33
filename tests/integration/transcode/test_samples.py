"""Every shared sample gets the route that was found out by hand, whole and flawed ones alike."""

from __future__ import annotations

import csv

import pytest

from evidence.canonical import canonical
from tests.integration.transcode.conftest import sample
from tests.places import SAMPLES
from transcode.tools import SandboxedTools

ROUTES = {
    "copy": {"copy"},
    "encode": {"encode-audio"},
    "copy video, encode audio": {"copy-video"},
    "none": {"none"},
    "transcode": {"transcode"},
    "unplayable": {"unplayable"},
    "encode or unplayable": {"encode-audio", "unplayable"},
    "transcode or unplayable": {"transcode", "unplayable"},
    "copy or transcode": {"copy", "transcode"},
    "any": {"copy", "copy-video", "encode-audio", "transcode", "unplayable"},
}
_LIST = SAMPLES / "expected.tsv"


def rows() -> list[dict[str, str]]:
    """The lines of the list; none where the samples are not beside this checkout."""
    if not _LIST.exists():
        return []
    with _LIST.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.fixture(scope="module")
def best_tools() -> SandboxedTools:
    return SandboxedTools("prefer")


@pytest.mark.skipif(not _LIST.exists(), reason=f"the shared samples are not beside this checkout ({SAMPLES})")
@pytest.mark.parametrize("row", rows(), ids=lambda row: str(row["file"]))
async def test_route(best_tools: SandboxedTools, row: dict[str, str]) -> None:
    said = await best_tools.describe(sample(row["file"]), "application/octet-stream", "")
    assert said.route in ROUTES[row["route"]]
    assert said.reason
    assert canonical(said.as_json())
    if "flagged" in row["note"]:
        assert said.warnings


async def test_a_fragmented_recording_has_its_real_length(best_tools: SandboxedTools) -> None:
    said = await best_tools.describe(sample("video/sample_fragmented.mp4"), "video/mp4", "")
    assert said.duration_ms is not None
    assert 1_000 <= said.duration_ms <= 1_100
    assert any("143165" in warning for warning in said.warnings)


async def test_clocks_that_differ_are_all_kept(best_tools: SandboxedTools) -> None:
    said = await best_tools.describe(sample("video/iphone-dolbyvision.MOV"), "video/quicktime", "")
    tags = said.tags["data"]
    assert isinstance(tags, dict)
    clocks = {key: value for key, value in tags.items() if key.rpartition(":")[2].endswith("Date")}
    assert {key.split(":")[0] for key in clocks} >= {"QuickTime", "Track1", "Keys"}
    assert len(set(map(str, clocks.values()))) > 1


async def test_a_gps_track_is_read(best_tools: SandboxedTools) -> None:
    said = await best_tools.describe(sample("gps/gopro-max-heromode.mp4"), "video/mp4", "")
    tags = said.tags["data"]
    assert isinstance(tags, dict)
    assert sum(key.endswith(":GPSLatitude") for key in tags) > 1


async def test_a_missing_index_is_named(best_tools: SandboxedTools) -> None:
    said = await best_tools.describe(sample("malformed/derived-moov-missing.mp4"), "video/mp4", "")
    assert "index (moov)" in said.reason
