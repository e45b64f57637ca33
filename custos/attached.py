"""What goes along with every export: the program that verifies it, and the page that shows it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

_CLIENTS = Path(__file__).parent.parent / "clients"
#: The oldest date that a ZIP can state: the same sources give the same program, byte for byte.
_DATE = (1980, 1, 1, 0, 0, 0)
_SHEBANG = b"#!/usr/bin/env python3\n"


@cache
def attached() -> Mapping[str, bytes]:
    """Each file by its path in the export."""
    readme = (_CLIENTS / "verifier" / "README.txt").read_bytes()
    viewer = {f"viewer/{path.name}": path.read_bytes() for path in (_CLIENTS / "viewer").iterdir()}
    return {"verify/custos-verify.pyz": _zipapp(), "verify/README.txt": readme, **viewer}


def _zipapp() -> bytes:
    """The verifier as one file that any Python from 3.11 on runs, without a library."""
    made = io.BytesIO()
    made.write(_SHEBANG)
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        sources = {"clients/__init__.py": _CLIENTS / "__init__.py"}
        sources |= {f"clients/verifier/{path.name}": path for path in (_CLIENTS / "verifier").glob("*.py")}
        sources["__main__.py"] = _CLIENTS / "verifier" / "__main__.py"
        for name in sorted(sources):
            archive.writestr(zipfile.ZipInfo(name, _DATE), sources[name].read_bytes())
    return made.getvalue()
