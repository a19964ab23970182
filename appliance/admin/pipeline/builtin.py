"""The steps that are always there. Those that stream are done by the fetch as the bytes come: here they have a place."""

from typing import Any

from appliance import errors
from appliance.admin.pipeline.arrival import Arrival
from appliance.admin.pipeline.outcome import Failed, Skipped
from imaged import units

#: How people call what an image can be.
NAMES = {"raw": "A plain disk", "iso": "An ISO image", "qcow2": "A qcow2 disk"}
TABLES = {"gpt": "a GPT partition table", "mbr": "an MBR partition table"}


def streamed(arrival: Arrival) -> str:
    """The bytes came through it."""
    return ""


def validate(arrival: Arrival) -> str:
    """What has come is one image, safe to use, with something in it; and the host's scanner has nothing against it."""
    found = arrival.inspect()
    try:
        arrival.settle(found["format"])
    except errors.FormatRefused as refused:
        raise Failed(refused.code, refused.sentence) from None
    if arrival.needs_content and not _content(found):
        raise Failed(
            "no-content",
            "The image has no partition table, no file system and is no ISO. Is it encrypted, packed or another file? "
            "An administrator takes such images by the setting import_any_content.",
        )
    said = arrival.scan()
    return " ".join([_described(found), *([] if said is None else [f"The scanner found nothing{f' ({said})' if said else ''}."])])


def convert(arrival: Arrival) -> str:
    """It becomes a file of the format that it is to be kept in."""
    facts = arrival.facts
    if not arrival.converts:
        return Skipped(f"it is kept as it is, {facts.format}")
    arrival.convert()
    return f"From {facts.source_format} to {facts.format}."


def register(arrival: Arrival) -> str:
    """It is verified, gets its name and metadata, and is ready."""
    arrival.register()
    return ""


def _content(found: dict[str, Any]) -> str | None:
    if found["format"] == "iso":
        return "ISO 9660"
    return TABLES.get(found["partition_table"]) or (f"the file system {found['filesystem']}" if found.get("filesystem") else None)


def _described(found: dict[str, Any]) -> str:
    """As a person says it: "A qcow2 disk of 10 GiB with a GPT partition table, which a machine can start from."."""
    words = f"{NAMES.get(found['format']) or 'A ' + found['format'].upper() + ' disk'} of {units.size(found['virtual_size'])}"
    if found["format"] == "iso":
        words += f" with the label {found['label']}" if found.get("label") else ""
    else:
        words += f" with {content}" if (content := _content(found)) else ", without a partition table or a file system that is known"
    return f"{words}, which a machine can start from." if found.get("bootable") else f"{words}."
