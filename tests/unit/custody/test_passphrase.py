"""Files that only a passphrase opens: whatever is changed in one, it opens no more."""

from __future__ import annotations

import json
from typing import Any

import pytest

from custody import passphrase
from custody.passphrase import lock_away, open_again
from evidence.canonical import canonical
from evidence.errors import Invalid

WORDS = "correct horse battery staple"
KIND = "custos/test/1"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passphrase, "_N", 1 << 4)


def test_what_is_locked_away_comes_back_and_is_never_the_same_twice() -> None:
    for data in (b"", b"a key", bytes(range(256)) * 9):
        file = lock_away(data, WORDS, KIND)
        assert open_again(file, WORDS, KIND) == data
        assert lock_away(data, WORDS, KIND) != file
    for wrong in ("", WORDS + " ", WORDS.upper()):
        with pytest.raises(Invalid) as error:
            open_again(file, wrong, KIND)
        assert error.value.code == "wrong-passphrase"
    with pytest.raises(Invalid) as error:
        lock_away(b"", "short", KIND)
    assert error.value.code == "weak-passphrase"


def test_no_byte_of_the_file_can_be_changed() -> None:
    file = lock_away(b"a key", WORDS, KIND)
    for at in range(len(file) - 1):
        for by in (1, 4):
            with pytest.raises(Invalid):
                open_again(file[:at] + bytes([file[at] ^ by]) + file[at + 1 :], WORDS, KIND)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("v",), "custos/other/1"),
        (("kdf", "name"), "pbkdf2"),
        (("kdf", "n"), 1 << 30),
        (("kdf", "n"), 3),
        (("kdf", "n"), "16"),
        (("kdf", "r"), 1 << 20),
        (("kdf", "p"), 64),
        (("kdf", "salt"), "!"),
        (("cipher", "nonce"), ""),
        (("cipher",), None),
        (("data",), ""),
    ],
)
def test_what_asks_for_too_much_or_too_little_is_refused(where: tuple[str, ...], value: Any) -> None:
    said = json.loads(lock_away(b"a key", WORDS, KIND))
    inner = said
    for name in where[:-1]:
        inner = inner[name]
    inner[where[-1]] = value
    with pytest.raises(Invalid):
        open_again(canonical(said), WORDS, KIND)
    for other in (b"", b"[]", b"{}", b"\xff"):
        with pytest.raises(Invalid):
            open_again(other, WORDS, KIND)
