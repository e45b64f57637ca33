"""What a file says of the device that made it, each word with its source.

Pure. Nothing is believed or merged: two sources that say the same stand twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evidence.canonical import Json
from transcode.tags import Tag

_NAMES: Mapping[str, str] = {
    "Make": "make",
    "DeviceManufacturer": "make",
    "AndroidManufacturer": "make",
    "AndroidMake": "make",
    "Model": "model",
    "DeviceModelName": "model",
    "AndroidModel": "model",
    "CameraModelName": "model",
    "SerialNumber": "serial",
    "CameraSerialNumber": "serial",
    "BodySerialNumber": "serial",
    "InternalSerialNumber": "serial",
    "DeviceSerialNo": "serial",
    "OtherSerialNumber": "serial",
    "FirmwareVersion": "firmware",
    "Firmware": "firmware",
    "CameraFirmware": "firmware",
    "Software": "firmware",
    "AndroidVersion": "firmware",
}
_PROBE_NAMES: Mapping[str, str] = {
    "make": "make",
    "model": "model",
    "firmware": "firmware",
    "com.apple.quicktime.make": "make",
    "com.apple.quicktime.model": "model",
    "com.apple.quicktime.software": "firmware",
    "com.android.manufacturer": "make",
    "com.android.model": "model",
    "com.android.version": "firmware",
}
_FOREIGN_GROUPS = ("Composite", "ICC")
_LONGEST = 256


def in_tags(tags: Sequence[Tag]) -> dict[str, list[Json]]:
    """Make, model, serial and firmware among exiftool's tags: {"make": [{"source", "value", "tag"}…]…}."""
    said: dict[str, list[Json]] = {}
    for tag in sorted(tags, key=lambda tag: tag.key):
        what = _NAMES.get(tag.name)
        if what is not None and not tag.group.startswith(_FOREIGN_GROUPS):
            _add(said, what, f"{tag.group} {tag.name}", tag.value, tag.key)
    return said


def in_probe(probe_data: Json) -> dict[str, list[Json]]:
    """The same from ffprobe's description."""
    about = probe_data.get("format") if isinstance(probe_data, Mapping) else None
    tags = about.get("tags") if isinstance(about, Mapping) else None
    said: dict[str, list[Json]] = {}
    for name, value in tags.items() if isinstance(tags, Mapping) else ():
        if (what := _PROBE_NAMES.get(name)) is not None:
            _add(said, what, f"{name} (as ffprobe prints it)", value, f"format {name}")
    return said


def _add(said: dict[str, list[Json]], what: str, source: str, value: Json, tag: str) -> None:
    if not isinstance(value, str | int) or isinstance(value, bool):
        return
    text = str(value)
    if text.strip() and len(text) <= _LONGEST:
        said.setdefault(what, []).append({"source": source, "value": text, "tag": tag})
