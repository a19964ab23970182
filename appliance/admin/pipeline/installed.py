"""The steps that there are, found by entry point, and which of them a storage domain may have in which order."""

import functools
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any

from appliance import errors

GROUP = "image_appliance.import_steps"
OURS = "appliance.admin.pipeline."

INSPECT, CHECKSUM, DECOMPRESS = "inspect", "verify-checksum", "decompress"
VALIDATE, CONVERT, REGISTER = "validate", "convert", "register"
#: What is done while the bytes come: by the fetch, and first.
STREAMING = (INSPECT, CHECKSUM, DECOMPRESS)
DEFAULT = (*STREAMING, VALIDATE, CONVERT, REGISTER)
#: What each of ours does, in a sentence or two.
ABOUT = {
    INSPECT: "Looks at the source: name, size, format, and how it is packed. Always needed, as the first.",
    CHECKSUM: "Compares the SHA-256 of what comes with the one that was given, or found beside the file.",
    DECOMPRESS: "Unpacks gzip, bzip2, xz and zstd as the bytes come.",
    VALIDATE: "Judges the whole file on the host: one image, safe to use, within the limits; and scans it, if it can. Always needed.",
    CONVERT: "Makes raw or qcow2 of it on the host, where that is wanted. The original stays until the new file is verified.",
    REGISTER: "Verifies and hashes the file on the host, and gives the image its name, tags and properties. Always needed, as the last.",
}
#: Characters of what a third party's package says of itself.
LONGEST = 300
#: Without these an image would be taken that nobody has judged, or that nobody can find.
NEEDED = (INSPECT, VALIDATE, REGISTER)

Step = Callable[[Any], object]


@functools.cache
def found() -> dict[str, metadata.EntryPoint]:
    """All that are installed, by name; nobody takes the place of one of ours."""
    points = sorted(metadata.entry_points(group=GROUP), key=lambda point: point.value.startswith(OURS))
    return {point.name: point for point in points}


def names() -> tuple[str, ...]:
    """Of all that are installed: ours in their usual order, then third parties' by name."""
    return (*(name for name in DEFAULT if name in found()), *sorted(found().keys() - set(DEFAULT)))


def about(name: str) -> str:
    """What an installed step does, as people read it. A third party's package says it: none of its code is run for that."""
    if name in ABOUT:
        return ABOUT[name]
    package = found()[name].dist
    if package is None:
        return ""
    summary = " ".join("".join(package.metadata.get_all("Summary") or []).split())
    # The second is what some tools write where nothing was said.
    if summary in ("", "UNKNOWN"):
        return f"Of the package {package.name} {package.version}."
    return summary if len(summary) <= LONGEST else f"{summary[: LONGEST - 1]}…"


def chosen(steps: Sequence[str] | None) -> tuple[str, ...]:
    """Those of a storage domain with this list, where None is what is usual."""
    return tuple(steps or DEFAULT)


def load(name: str) -> Step:
    """The step of that name, which is installed. Raises whatever its module does."""
    return found()[name].load()


def checked(steps: Sequence[str]) -> list[str]:
    """A storage domain's list. Raises errors.Invalid, which says what is wrong with it."""
    for name in steps:
        if name not in found():
            raise _invalid(f"no step {name[:64]} is installed; there are {', '.join(names())}")
    if len(set(steps)) != len(steps):
        raise _invalid("a step can be done only once")
    for name in NEEDED:
        if name not in steps:
            raise _invalid(f"{name} cannot be left out")
    first = [name for name in STREAMING if name in steps]
    if list(steps[: len(first)]) != first:
        raise _invalid(f"it must begin with {', '.join(first)}: that is done while the bytes come")
    if steps[-1] != REGISTER:
        raise _invalid(f"{REGISTER} must be the last one")
    if CONVERT in steps and steps.index(CONVERT) < steps.index(VALIDATE):
        raise _invalid(f"{VALIDATE} must come before {CONVERT}: an image is judged before anything reads it")
    return list(steps)


def _invalid(reason: str) -> errors.Invalid:
    return errors.Invalid(field="steps", reason=reason)
