"""What is said where the signing key is missing, or is another's: on a host alone, and on one of several."""

from __future__ import annotations

from pathlib import Path

import pytest

from custody.key_files import PRIVATE, load_private, open_signer
from custody.rotation import key_unknown
from evidence.errors import Unavailable


def test_what_costs_nothing_is_told_first_and_a_new_key_last(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as opened:
        open_signer(tmp_path, is_first=False)
    with pytest.raises(Unavailable) as loaded:
        load_private(tmp_path / PRIVATE)
    said = [opened.value, loaded.value, key_unknown()]
    assert [error.code for error in said] == ["key-lost", "key-lost", "key-unknown"]
    for error in said:
        ways = [
            error.message.index(words)
            for words in (
                "copy the keys directory from one that runs",
                "`custos keys restore`",
                "Only where no host and no backup has it",
                "`custos keys rotate --recovery`",
            )
        ]
        assert ways == sorted(ways)
