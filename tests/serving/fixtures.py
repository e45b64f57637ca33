"""The fixtures that give a test its Custos: one of each kind for the whole run.

A directory whose tests need them has `pytest_configure = fixtures.register` in its conftest.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.media import ffmpeg
from tests.serving.inside import Inside, served_inside
from tests.serving.tree import Tree, running_tree


def register(config: pytest.Config) -> None:
    """Make this module's fixtures known once, wherever they are used from."""
    if not config.pluginmanager.has_plugin(__name__):
        config.pluginmanager.register(sys.modules[__name__], __name__)


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    """A `custos serve`, for the whole run."""
    with running_tree(tmp_path_factory.mktemp("tree")) as running:
        yield running


@pytest.fixture(scope="session")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    """The server alone, with ordinary limits, for the whole run."""
    with served_inside(tmp_path_factory.mktemp("inside") / "data") as server:
        yield server


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 s of H.264, 320×180, with a keyframe every second, and AAC."""
    path = tmp_path_factory.mktemp("media") / "clip.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=12"),
        *("-f", "lavfi", "-i", "sine=frequency=440:duration=12"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p"),
        *("-c:a", "aac", str(path)),
    )
    return path


@pytest.fixture(scope="session")
def rotated_clip(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clip as a camera on its side stores it: with a rotation matrix."""
    path = tmp_path_factory.mktemp("media") / "rotated.mp4"
    ffmpeg("-i", str(clip), "-c", "copy", "-metadata:s:v:0", "rotate=90", str(path))
    return path
