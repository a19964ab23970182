"""The bytes of images: PUT and GET …/file, PUT …/stage. They stream; nothing of them is kept here."""

from collections.abc import Callable

from appliance import errors
from appliance.admin import views
from appliance.transfer import filling, receiving
from appliance.web import answers
from appliance.web.glance.calls import Call
from imaged import httpd

BYTES = "application/octet-stream"
#: What errors call bytes that were staged: they have no name.
STAGED = "What was sent"


def put(call: Call) -> answers.Answer:
    """The whole image; active when this answers, unless its verification takes very long."""
    return _received(call, call.admin.deposits.finish, staged=False)


def stage(call: Call) -> answers.Answer:
    """The whole image, which waits for its import; what is packed is unpacked as it comes."""
    return _received(call, call.admin.deposits.stage, staged=True)


def show(call: Call) -> answers.Answer:
    """The whole image or one range of it; 204 while there are no bytes."""
    entry = call.admin.entries.get(call.user, call.id)
    if entry.status in ("queued", "killed"):
        return answers.Answer(204)
    answer = call.rooms.download(call.admin.images.open(call.user, call.id), call.request)
    if entry.md5 and answer.status == 200:
        answer.headers["Content-MD5"] = entry.md5
    return answer


def _received(call: Call, done: Callable[[views.User, views.Deposit, views.Arrived], None], *, staged: bool) -> answers.Answer:
    if call.request.content_type != BYTES:
        raise errors.UnsupportedType(wanted=BYTES)
    coming, size = _coming(call)
    store = call.request.headers.get("X-Image-Meta-Store") or None
    with call.rooms.slots.take():
        packed = None
        if staged:
            coming = looked = receiving.Looked(coming, STAGED)
            packed = looked.packed
        with call.admin.deposits.unpacking(packed):
            deposit = call.admin.deposits.begin(call.user, call.id, size, store=store, staged=staged, packed=packed)
            try:
                done(call.user, deposit, _write(call, coming, size, deposit))
            except BaseException:
                call.admin.deposits.abort(call.user, deposit)
                raise
    return answers.Answer(204)


def _write(call: Call, coming: receiving.Coming, told: int | None, deposit: views.Deposit) -> views.Arrived:
    host, limit, digests = deposit.host, deposit.size, deposit.digests
    body = receiving.Unpacked(coming, deposit.packed, limit=limit, name=STAGED) if deposit.packed else coming
    try:
        images = call.rooms.hosts.images(host.id)
        size, found = receiving.receive(body, images, deposit.ticket, host=host.name, limit=limit, digests=digests)
    except filling.Lost as lost:
        raise _lost(call, lost.code, deposit, coming.received) from lost
    except errors.WrongSize as error:
        # Nobody had said how many bytes it would be.
        raise error if deposit.sized else errors.TooLarge(limit=limit) from None
    if not size:
        raise errors.Invalid(field="size", reason="an empty file is no image")
    if told not in (None, coming.received):
        raise errors.WrongSize(expected=told, received=coming.received)
    return views.Arrived(size, found)


def _lost(call: Call, code: str, deposit: views.Deposit, received: int) -> errors.ApplianceError:
    """Why the host takes no more, by the `code` of filling.Lost. Raises errors.NotFound: somebody has deleted the image."""
    entry = call.admin.entries.get(call.user, deposit.entry)
    if code == "host-down":
        return errors.HostDown(host=deposit.host.name)
    if code == "no-space":
        needed = deposit.size if deposit.sized else received
        return errors.NoSpace(domain=deposit.store, free=0, name=entry.shown_name, needed=needed)
    return errors.WrongStatus(name=entry.shown_name, status=entry.status, wanted="its upload was ended elsewhere, or its host stopped")


def _coming(call: Call) -> tuple[receiving.Coming, int | None]:
    """The body, and how many bytes it is to have, if anybody says that. Raises WrongSize, BadRequest."""
    environ = call.request.environ
    told = _told(call.request.headers.get("X-OpenStack-Image-Size"))
    if "HTTP_TRANSFER_ENCODING" in environ:
        # Another one than chunks does not come so far.
        return httpd.Chunks(environ), told
    body = httpd.Body(environ)
    if told is not None and told != body.length:
        raise errors.WrongSize(expected=told, received=body.length)
    return body, body.length


def _told(text: str | None) -> int | None:
    """Raises BadRequest."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise errors.BadRequest(reason="its x-openstack-image-size is not a number of bytes")
    return int(text)
