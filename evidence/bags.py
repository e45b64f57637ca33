"""The text files of a BagIt 1.0 bag (RFC 8493). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
#: The algorithms of the manifests, by the names that RFC 8493 §2.4 makes of them.
ALGORITHMS = ("sha256", "sha512", "sm3")


@dataclass(frozen=True, slots=True)
class Sums:
    """A file's length and what proves its bytes; digests are lower-case hex."""

    size: int
    crc32: int
    sha256: str
    sha512: str
    sm3: str

    def digest(self, algorithm: str) -> str:
        """The digest of that name among `ALGORITHMS`."""
        return {"sha256": self.sha256, "sha512": self.sha512, "sm3": self.sm3}[algorithm]


def manifests(files: Mapping[str, Sums], *, tags: bool = False) -> dict[str, bytes]:
    """A manifest per algorithm over files by their path in the bag, sorted by path: its name and bytes.

    With `tags` they are tag manifests. Paths are ASCII without `%`, so that nothing has to be encoded.
    """
    kind = "tagmanifest" if tags else "manifest"
    return {
        f"{kind}-{algorithm}.txt": "".join(
            f"{files[path].digest(algorithm)}  {path}\n" for path in sorted(files)
        ).encode("ascii")
        for algorithm in ALGORITHMS
    }


def bag_info(payload: Iterable[Sums], about: Mapping[str, str]) -> bytes:
    """`bag-info.txt`: what `about` says, in its order, and the payload's octets and streams.

    ValueError for a value with a line break.
    """
    sizes = [one.size for one in payload]
    lines = {**about, "Payload-Oxum": f"{sum(sizes)}.{len(sizes)}"}
    if any("\n" in text or "\r" in text for text in lines.values()):
        raise ValueError("a value of bag-info.txt is one line")
    return "".join(f"{label}: {text}\n" for label, text in lines.items()).encode()
