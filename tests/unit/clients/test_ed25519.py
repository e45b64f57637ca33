"""Signatures checked without a library: as the RFC has them, and as the library judges."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.verifier.ed25519 import BadSignature, PublicKey, verify_plainly

#: RFC 8032 §7.1, tests 1 to 3: key, message, signature.
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0"
        "595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eae"
        "b4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9"
        "716ed28dc027beceea1ec40a",
    ),
]
_ORDER = 2**252 + 27742317777372353535851937790883648493


def judged(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def held(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        verify_plainly(public, signature, message)
    except BadSignature:
        return False
    return True


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS)
def test_the_vectors_of_the_rfc(public: str, message: str, signature: str) -> None:
    verify_plainly(bytes.fromhex(public), bytes.fromhex(signature), bytes.fromhex(message))
    PublicKey(bytes.fromhex(public)).verify(bytes.fromhex(signature), bytes.fromhex(message))


@settings(max_examples=40, deadline=None)
@given(seed=st.binary(min_size=32, max_size=32), message=st.binary(max_size=60), data=st.data())
def test_it_judges_as_the_library_does(seed: bytes, message: bytes, data: st.DataObject) -> None:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = private.public_key().public_bytes_raw(), private.sign(message)
    assert held(public, signature, message)
    part = data.draw(st.sampled_from(["public", "signature", "message"]))
    given_ = {"public": public, "signature": signature, "message": message or b"\0"}
    place = data.draw(st.integers(0, len(given_[part]) * 8 - 1))
    changed = bytearray(given_[part])
    changed[place // 8] ^= 1 << place % 8
    given_[part] = bytes(changed)
    assert held(**given_) == judged(**given_)


@pytest.mark.parametrize(
    "public", [bytes(32), b"\1" + bytes(31), b"\xee" + b"\xff" * 30 + b"\x7f", b"\xff" * 32]
)
@pytest.mark.parametrize("first", [bytes(32), b"\1" + bytes(31), b"\xff" * 32])
@pytest.mark.parametrize("scalar", [0, 1, _ORDER - 1, _ORDER, _ORDER + 1])
def test_odd_keys_and_signatures_are_judged_as_by_the_library(
    public: bytes, first: bytes, scalar: int
) -> None:
    signature = first + scalar.to_bytes(32, "little")
    assert held(public, signature, b"m") == judged(public, signature, b"m")


@pytest.mark.parametrize("length", [0, 31, 33, 63, 65])
def test_other_lengths_are_refused(length: int) -> None:
    assert not held(bytes(32), bytes(length), b"")
    assert not held(bytes(length), bytes(64), b"")


def test_a_key_goes_to_pem_and_back() -> None:
    library = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
    pem = library.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    key = PublicKey.from_pem(pem)
    assert (key.raw, key.pem) == (library.public_bytes_raw(), pem)
    for other in (b"", pem[:-40], pem.replace(b"PUBLIC", b"PRIVATE"), pem.replace(b"MCow", b"MCox")):
        with pytest.raises(ValueError):
            PublicKey.from_pem(other)
