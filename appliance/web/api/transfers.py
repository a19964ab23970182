"""/transfers: uploads, from the first question to the verified image."""

from appliance.admin import views
from appliance.web.api import models
from appliance.web.api.calls import Call


def index(call: Call) -> views.Page:
    return call.admin.transfers.page(call.user, state=call.query.state, limit=call.query.limit, after=call.query.after)


def show(call: Call) -> views.Transfer:
    return call.admin.transfers.get(call.user, call.id)


def check(call: Call) -> views.Checked:
    return call.admin.transfers.check(call.user, _wanted(call.body))


def create(call: Call) -> views.Transfer:
    return call.admin.transfers.create(call.user, _wanted(call.body))


def ticket(call: Call) -> views.Ticket:
    return call.admin.transfers.ticket(call.user, call.id, direct=call.body is not None and call.body.direct)


def heartbeat(call: Call) -> views.Beat:
    return call.admin.transfers.heartbeat(call.user, call.id)


def pieces(call: Call) -> views.Pieces:
    return call.admin.transfers.pieces(call.user, call.id)


def resume(call: Call) -> views.Transfer:
    proof = call.body and views.Proof(call.body.size, call.body.modified, _pieces(call.body.pieces))
    return call.admin.transfers.resume(call.user, call.id, proof)


def pause(call: Call) -> views.Transfer:
    return call.admin.transfers.pause(call.user, call.id)


def cancel(call: Call) -> views.Transfer:
    return call.admin.transfers.cancel(call.user, call.id)


def finalize(call: Call) -> views.Transfer:
    return call.admin.transfers.finalize(call.user, call.id)


def _wanted(body: models.NewTransfer) -> views.NewTransfer:
    shown = body.fingerprint
    fingerprint = views.Fingerprint(shown.modified, _pieces(shown.pieces)) if shown else None
    return views.NewTransfer(**body.model_dump(exclude={"fingerprint"}), fingerprint=fingerprint)


def _pieces(given: list[models.Piece]) -> tuple[views.Piece, ...]:
    return tuple(views.Piece(piece.start, piece.end, piece.sha256.lower()) for piece in given)
