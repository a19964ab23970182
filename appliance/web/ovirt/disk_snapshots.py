"""Snapshots of disks: there are none here, and this says so in the form that scripts expect."""

from appliance import errors
from appliance.web.ovirt import storage_domains
from appliance.web.ovirt.calls import Call
from appliance.web.ovirt.documents import Many, many


def index_of_disk(call: Call) -> Many:
    call.admin.images.get(call.id)
    return many("disk_snapshots", "disk_snapshot", ())


def index_of_domain(call: Call) -> Many:
    storage_domains.find(call)
    return many("disk_snapshots", "disk_snapshot", ())


def show(call: Call) -> Many:
    raise errors.NotFound(what="disk snapshot")
