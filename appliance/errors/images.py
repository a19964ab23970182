"""Images: their names, and whether they can be used now."""

from appliance.errors.base import ApplianceError


class BadName(ApplianceError):
    """A name that an image cannot have. `reason` is a clause."""

    code = "bad-name"
    status = 422
    says = "This name cannot be used: {reason}."
    hint = "Choose another name; it need not be the file's."


class NameTaken(ApplianceError):
    """The domain has a good image, or a running upload, of that name."""

    code = "name-taken"
    status = 409
    says = "{domain} already has an image named {name}, or an unfinished upload of it."
    hint = "Choose another name, delete the image, or resume or cancel the unfinished upload."


class IdTaken(ApplianceError):
    """A client's own choice of an id that something has already."""

    code = "id-taken"
    status = 409
    says = "There already is an image with the id {id}."
    hint = "Choose another id, or leave the choice to the appliance."


class WrongDomain(ApplianceError):
    """The domain does not take images of this format."""

    code = "wrong-domain"
    status = 422
    says = "{domain} takes ISO images only, and this one is {format}."
    hint = "Choose a storage domain for disks."


class ImageLocked(ApplianceError):
    """A transfer of the image is not finished, or it is being made or deleted. `reason` is a clause."""

    code = "image-locked"
    status = 409
    says = "{name} is locked: {reason}."
    hint = "Wait until it is finished, or cancel its transfer."


class ImageIllegal(ApplianceError):
    """There are no bytes to read: the image failed its verification."""

    code = "image-illegal"
    status = 409
    says = "{name} is not a good image: {reason}"
    hint = "Delete it, and upload it again."
