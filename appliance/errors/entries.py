"""Images as Glance's clients know them: entries that may be there before the bytes."""

from appliance.errors.base import ApplianceError


class Protected(ApplianceError):
    code = "protected"
    status = 403
    says = "{name} is protected and cannot be deleted."
    hint = "Set protected to false first."


class ReadOnly(ApplianceError):
    """A property that is the appliance's to say. `field` is its name."""

    code = "read-only"
    status = 403
    says = "{field} cannot be changed."
    hint = "Leave it out: it follows from what the image is."


class WrongStatus(ApplianceError):
    """`status` is the image's, `wanted` a clause: what must be so for what was asked."""

    code = "wrong-status"
    status = 409
    says = "{name} is {found}: {wanted}."
    hint = "Look at the image's status, and wait until what runs is finished."

    def __init__(self, *, name: str, status: str, wanted: str):
        super().__init__(name=name, found=status, wanted=wanted)


class WrongSize(ApplianceError):
    """Bytes; `received` is at least so many if there were too many."""

    code = "wrong-size"
    status = 400
    says = "The image was to have {expected} bytes, and {received} came."
    hint = "Send the whole file again."


class NoProperty(ApplianceError):
    """A property that is to be changed, and is not there."""

    code = "no-property"
    status = 409
    says = "The image has no property {name}."
    hint = "Look at what the image has; what is new takes the operation add."


class NotRemovable(ApplianceError):
    """A property that every image has. `field` is its name."""

    code = "not-removable"
    status = 403
    says = "{field} cannot be removed: every image has it."
    hint = "Replace its value instead."
