"""Which settings of witnesses are refused."""

from __future__ import annotations

import pytest

from custody.cosigning import configured
from custody.notes import COSIGNATURE, ED25519, VerifierKey
from evidence.errors import Invalid

OWN = bytes([7]) * 32


def test_settings_that_would_count_one_witness_twice_or_none_are_refused() -> None:
    key = "w.test+" + _witness_key("w.test")
    other = "v.test+" + _witness_key("v.test")
    url = "http://127.0.0.1:1"
    assert len(configured({key: url}, 1, OWN)[0]) == 1
    assert configured({}, 1, OWN)[0] == []
    others = {str(VerifierKey("w", COSIGNATURE, bytes([number]) * 32)): url for number in range(10, 15)}
    for count, needed in ((1, 1), (2, 2), (3, 2), (4, 3), (5, 3)):
        assert configured(dict([*others.items()][:count]), None, OWN)[1] == needed
    for witnesses, needed in (
        ({key: url, other: url}, 1),
        ({key: url}, 2),
        ({str(VerifierKey("w", COSIGNATURE, OWN)): url}, 1),
        ({key: "ftp://a"}, 1),
        ({"w.test": url}, 1),
        ({str(VerifierKey("l", ED25519, bytes(32))): url}, 1),
    ):
        with pytest.raises(Invalid) as error:
            configured(witnesses, needed, OWN)
        assert error.value.code == "bad-witnesses"


def _witness_key(name: str) -> str:
    return str(VerifierKey(name, COSIGNATURE, bytes(range(32)))).partition("+")[2]
