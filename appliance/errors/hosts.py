"""Hosts and their storage domains."""

from appliance.errors.base import ApplianceError


class HostDown(ApplianceError):
    """The host did not answer."""

    code = "host-down"
    status = 503
    says = "Host {host} does not answer."
    hint = "Check that imaged runs there and that the network is up; what has arrived is safe, try again then."


class HostRefused(ApplianceError):
    """The host answered no where none was expected. `reason` is its own sentence."""

    code = "host-refused"
    status = 502
    says = "Host {host} refused: {reason}"
    hint = "Look at the log of imaged on that host."


class NoHost(ApplianceError):
    """No active host sees the storage domain, or not the one that was asked for."""

    code = "no-host"
    status = 503
    says = "No host that could do it is active and sees storage domain {domain}."
    hint = "Activate a host that sees the domain, or leave the choice of the host to the appliance."


class HostExists(ApplianceError):
    code = "host-exists"
    status = 409
    says = "There already is a host named {name}, or one at its address."
    hint = "Choose another name, or remove that host first; `image-appliance host token NAME` enrols a host that is there anew."


class HostInUse(ApplianceError):
    """A host that cannot go yet. `reason` is a clause."""

    code = "host-in-use"
    status = 409
    says = "Host {host} cannot be removed: {reason}."
    hint = "Put it into maintenance, and end or cancel what it still has; a storage domain that only it sees has to be removed before."


class BadEnrolment(ApplianceError):
    """A host's request for its first certificate that is refused. `reason` is a clause."""

    code = "bad-enrolment"
    status = 403
    says = "The host cannot be enrolled: {reason}."
    hint = "Get a new token from an administrator: `image-appliance host token NAME`. Each is good for one host, once, for an hour."


class NoSpace(ApplianceError):
    """The domain cannot take the image. `needed` and `free` are bytes."""

    code = "no-space"
    status = 409
    says = "{domain} has {free:size} free, and {name} needs {needed:size}."
    hint = "Delete an image or choose another storage domain."


class DomainExists(ApplianceError):
    code = "domain-exists"
    status = 409
    says = "There already is a storage domain named {name}."
    hint = "Choose another name. On another host, shared storage is found by itself as soon as that host sees it under one of its roots."


class DomainInUse(ApplianceError):
    """A storage domain that cannot go yet. `reason` is a clause."""

    code = "domain-in-use"
    status = 409
    says = "Storage domain {domain} cannot be removed: {reason}."
    hint = "Delete its images, and end or cancel its transfers; then remove it. Its directory stays on the host."
