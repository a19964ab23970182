"""Every error as a fault, which oVirt's SDK turns into the right exception: made in one place, from any error."""

from appliance import errors
from appliance.web.ovirt.documents import Entity

#: Of an error's own statuses, those that oVirt says otherwise: what its clients know is 400.
STATUSES = {411: 400, 422: 400}

#: In place of an advice that would lead to the native API's documents.
ADVICE = "docs/ovirt.md tells what is understood."

REASON = "Operation Failed"


def status(error: errors.ApplianceError) -> int:
    return STATUSES.get(error.status, error.status)


def document(error: errors.ApplianceError, identity: str) -> Entity:
    """The fault: what is wrong and what to do, in the brackets that the engine puts around it."""
    return Entity("fault", {"detail": f"[{told(error, identity)}]", "reason": REASON})


def told(error: errors.ApplianceError, identity: str) -> str:
    """What is wrong and what to do, in one line."""
    said = f"{error.sentence} {ADVICE if isinstance(error, errors.BadRequest) else error.advice}".strip()
    return f"{said} Error id: {identity}" if isinstance(error, errors.Internal) else said
