"""One instance per data directory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from custos.instance import LOCK_FILE, only_instance
from evidence.errors import Invalid


def test_the_directories_are_made_for_this_account_alone(tmp_path: Path) -> None:
    data = tmp_path / "a" / "data"
    with only_instance(data, data / "run"):
        assert data.stat().st_mode & 0o777 == 0o700
        assert (data / "run").stat().st_mode & 0o777 == 0o700


def test_a_second_one_is_refused_and_told_the_pid(tmp_path: Path) -> None:
    with only_instance(tmp_path, tmp_path / "run"):
        with pytest.raises(Invalid) as refusal, only_instance(tmp_path, tmp_path / "run"):
            pass
        assert refusal.value.code == "already-running"
        assert f"process {os.getpid()}" in refusal.value.message


def test_a_lock_file_left_behind_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / LOCK_FILE).write_text("99999999999999\n")
    with only_instance(tmp_path, tmp_path / "run"):
        assert (tmp_path / "run" / LOCK_FILE).read_text() == f"{os.getpid()}\n"
    with only_instance(tmp_path, tmp_path / "run"):
        pass


def test_a_data_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Invalid) as refusal, only_instance(tmp_path / "file" / "data", tmp_path / "run"):
        pass
    assert refusal.value.code == "data-not-writable"
    assert str(tmp_path) not in refusal.value.message
