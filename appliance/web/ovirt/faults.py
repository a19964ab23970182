"""Every error as a fault, which oVirt's SDK turns into the right exception: made in one place, from any error."""

from appliance import errors
from appliance.web.ovirt.documents import Entity

#: Of an error's own statuses, those that oVirt says otherwise: what its clients know is 400.
STATUSES = {411: 400, 422: 400}

#: Advice that would lead to the native API's documents.
HINTS: dict[type[errors.ApplianceError], str] = {errors.BadRequest: "docs/ovirt.md tells what is understood."}

REASON = "Operation Failed"


def status(error: errors.ApplianceError) -> int:
    return STATUSES.get(error.status, error.status)


def document(error: errors.ApplianceError, identity: str) -> Entity:
    """The fault: what is wrong and what to do, in the brackets that the engine puts around it."""
    told = f"{error.sentence} {HINTS.get(type(error), error.advice)}".strip()
    if isinstance(error, errors.Internal):
        told = f"{told} Error id: {identity}"
    return Entity("fault", {"detail": f"[{told}]", "reason": REASON})
