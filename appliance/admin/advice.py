"""What to do about an import that failed, for those who read of it in a task: nobody is there to ask, and nobody can resume it."""

import functools

from appliance import errors
from imaged import units

_AGAIN = "then import it again."
_CONVERT = "Convert it yourself with 'qemu-img convert', and import the result."
_FORMAT = "Say what it is as its disk_format (import_from_format of a task), or convert it with 'qemu-img convert' first."
_STEP = f"or leaves it out of the storage domain's list; {_AGAIN}"

#: By the code of the reason: of what hosts and steps find, and of errors whose hints are for other readers. Empty where every sentence
#: with that code says it already.
ADVICE: dict[str, str] = {
    "backing-file": "Make one file of the whole disk with 'qemu-img convert', and import that.",
    "check-failed": "Look at it with 'qemu-img check', or get it anew from its source.",
    "convert-failed": _CONVERT,
    "convert-timeout": _CONVERT,
    "data-file": "Make one file of the whole disk with 'qemu-img convert', and import that.",
    "empty": "It may not have come whole to its source: look at it there.",
    "encrypted": "",
    "expired": "Import it again.",
    "format-mismatch": "",
    "format-refused": _FORMAT,
    "host-down": f"Check that imaged runs there and that the network is up, {_AGAIN}",
    "incomplete": "Import it again.",
    "infected": "Do not use it: get it anew from its publisher, and compare its checksum.",
    "internal": "Import it again. If that fails too, an administrator finds the cause in the log.",
    "no-content": "",
    "no-space": f"Delete an image or choose another store, {_AGAIN}",
    "scan-failed": f"An administrator looks after the scanner of the host (scan_command); {_AGAIN}",
    "sha256-mismatch": errors.WrongChecksum.hint,
    "source-forbidden": "Use an address that needs no password, or a signed one that is still good; the appliance's page takes passwords.",
    "step-failed": f"An administrator finds the cause in the log and mends the step, {_STEP}",
    "step-missing": f"An administrator installs the step again, {_STEP}",
    "step-nonsense": f"An administrator mends the step, {_STEP}",
    "step-timeout": f"An administrator gives steps longer (import_step_timeout), {_STEP}",
    "truncated": "",
    "unsafe-image": "Export the disk anew as a single file with the program that made it, and import that.",
    "virtual-size": "Make the disk smaller, or ask an administrator to raise max_virtual_size.",
}
#: Of any other code.
USUAL = f"Mend what it says, {_AGAIN}"
CANCELLED = "It was cancelled. Import it again if it is still wanted."


def told(sentence: str | None, code: str | None) -> str:
    """What went wrong, why, and what to do. Both are the transfer's reason: None where somebody cancelled it."""
    if sentence is None:
        return CANCELLED
    return f"{units.sentence(sentence)} {ADVICE.get(code or '', _hints().get(code or '', USUAL))}".strip()


@functools.cache
def _hints() -> dict[str, str]:
    """The errors' own, by code: those that are whole without the words of one case."""
    declared = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.ApplianceError)]
    return {kind.code: kind.hint for kind in declared if kind.hint and "{" not in kind.hint}
