"""/disks: the appliance's images, as oVirt calls them. `cow` is qcow2; an ISO is a raw disk whose content is an ISO."""

from collections.abc import Iterable

from appliance import errors
from appliance.admin import views
from appliance.web.ovirt import search
from appliance.web.ovirt.calls import Call, every
from appliance.web.ovirt.documents import Entity, Many, many
from appliance.web.ovirt.given import Given
from appliance.web.ovirt.paths import of

FOLLOWS = ("storage_domains",)

#: Our formats from oVirt's, by the content.
FORMATS = {("raw", "data"): "raw", ("raw", "iso"): "iso", ("cow", "data"): "qcow2"}


def format_of(ours: str) -> str:
    """oVirt's word for a format of ours."""
    return "cow" if ours == "qcow2" else "raw"


def provisioned_size(image: views.Image) -> int:
    """What a guest sees, in bytes; of an image that nobody has looked into yet, the file's size."""
    return image.size if image.virtual_size is None else image.virtual_size


def actual_size(image: views.Image) -> int:
    """What it takes on the storage, in bytes."""
    return image.size if image.actual_size is None else image.actual_size


FIELDS = {
    "name": lambda image: image.name,
    "alias": lambda image: image.name,
    "id": lambda image: image.id,
    "description": lambda image: image.description,
    "disk_description": lambda image: image.description,
    "status": lambda image: search.Word(image.status),
    "format": lambda image: search.Word(format_of(image.format)),
    "content_type": lambda image: search.Word(image.content_type),
    "disk_type": lambda _: search.Word("image"),
    "provisioned_size": provisioned_size,
    "actual_size": actual_size,
    "storage.name": lambda image: image.domain.name,
    "creation_date": lambda image: image.created_at,
}


def index(call: Call) -> Many:
    return collection(call, call.found(every(call.admin.images.page), FIELDS))


def show(call: Call) -> Entity:
    return entity(call, call.admin.images.get(call.id))


def add(call: Call) -> Entity:
    return entity(call, call.admin.disks.create(call.user, _wanted(call.given, call.correlation_id)))


def update(call: Call) -> Entity:
    given = call.given
    size = given.number("provisioned_size", 1)
    # Whoever sends the whole disk back sends its size too; another one would be promised by a 200, and not kept.
    if size is not None and size != provisioned_size(call.admin.images.get(call.id)):
        raise errors.Invalid(field="disk.provisioned_size", reason="a disk's size cannot be changed here")
    changed = call.admin.disks.update(call.user, call.id, name=_name(given), description=given.text("description"))
    return entity(call, changed)


def delete(call: Call) -> None:
    call.admin.images.delete(call.user, call.id)


def collection(call: Call, images: Iterable[views.Image]) -> Many:
    return many("disks", "disk", (entity(call, image) for image in images))


def entity(call: Call, image: views.Image) -> Entity:
    name = {"name": image.domain.name} if "storage_domains" in call.follow else {}
    domain = Entity("storage_domain", name, id=image.domain.id, href=of("storagedomains", image.domain.id))
    href = of("disks", image.id)
    members = {
        "name": image.name,
        "description": image.description,
        "links": many("links", "link", [Entity("link", href=f"{href}/disksnapshots", rel="disksnapshots")]),
        "actual_size": actual_size(image),
        "alias": image.name,
        "backup": image.backup or "none",
        "content_type": image.content_type,
        "format": format_of(image.format),
        # oVirt knows an id for what is stored, beside the disk's own; here both are one.
        "image_id": image.id,
        "propagate_errors": False,
        "provisioned_size": provisioned_size(image),
        "qcow_version": "qcow2_v3" if image.format == "qcow2" else None,
        # Not oVirt's: why a disk is illegal.
        "reason": image.reason,
        "shareable": False,
        "sparse": image.allocation == "sparse",
        "status": image.status,
        "storage_type": "image",
        "total_size": actual_size(image),
        "wipe_after_delete": False,
        "storage_domains": many("storage_domains", "storage_domain", [domain]),
    }
    return Entity("disk", members, id=image.id, href=href)


def ref(tag: str, image_id: str) -> Entity:
    """The disk by its id alone."""
    return Entity(tag, id=image_id, href=of("disks", image_id))


def _name(given: Given) -> str | None:
    """`alias` and `name` are the same thing; who gives two must mean one."""
    name, alias = given.text("name"), given.text("alias")
    if name is not None and alias is not None and name != alias:
        raise errors.Invalid(field="disk.alias", reason="it differs from the name, and a disk has one name")
    return alias if name is None else name


def _wanted(given: Given, correlation_id: str | None) -> views.NewDisk:
    content = given.choice("content_type", ("data", "iso")) or "data"
    format = given.choice("format", ("raw", "cow"))
    size = given.number("provisioned_size", 1)
    if format is None:
        raise given.missing("format")
    if size is None:
        raise given.missing("provisioned_size")
    if (format, content) not in FORMATS:
        raise errors.Invalid(field="disk.format", reason="an ISO image must be raw")
    # Another type would be made as what it is not.
    given.choice("storage_type", ("image",))
    initial_size = given.number("initial_size", 0)
    sparse = given.boolean("sparse")
    return views.NewDisk(
        name=_name(given) or "",
        size=size,
        format=FORMATS[format, content],
        # Without a word on it, as the engine: a cow disk grows, a raw one has its place from the start.
        allocation="sparse" if (format == "cow" if sparse is None else sparse) else "preallocated",
        initial_size=initial_size,
        content_type=content,
        domain=_domain(given),
        description=given.text("description") or "",
        backup=given.choice("backup", ("none", "incremental")),
        id=given.id,
        correlation_id=correlation_id,
    )


def _domain(given: Given) -> str:
    """The name or id of the one storage domain that is asked for. Raises errors.Invalid."""
    domain = given.child("storage_domains", "storage_domain") or given.child("storage_domain")
    if domain is None:
        raise given.missing("storage_domains.storage_domain")
    found = domain.id or domain.text("name")
    if not found:
        raise domain.missing("name")
    return found
