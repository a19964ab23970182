"""Every error as `application/problem+json` (RFC 9457), in one shape, made in one place."""

import logging
import secrets

import cherrypy
import pydantic

from appliance import errors
from appliance.web import answers

log = logging.getLogger(__name__)

TYPE = "application/problem+json"


def explained(error: Exception) -> errors.ApplianceError:
    """`error` as one of ours: what pydantic and CherryPy refuse has a word of its own, anything else is Internal."""
    match error:
        case errors.ApplianceError():
            return error
        case pydantic.ValidationError():
            return _invalid(error)
        case cherrypy.HTTPError():
            # CherryPy itself refuses only what breaks HTTP: a cookie with an illegal name, a request without Host.
            return errors.BadRequest(reason="it breaks the rules of HTTP")
    return errors.Internal()


def new_id(error: Exception) -> str:
    """A short id for this occurrence, under which the log tells more: the traceback, if it was not foreseen."""
    identity = secrets.token_hex(6)
    told = explained(error)
    if isinstance(told, errors.Internal):
        log.error("Error %s", identity, exc_info=error)
    else:
        log.info("Error %s: %d %s", identity, told.status, told.code)
    return identity


def content(error: errors.ApplianceError, identity: str) -> dict:
    """The problem's members, as the Problem model of the API describes them."""
    return {
        "type": f"urn:image-appliance:error:{error.code}",
        "title": title(error),
        "status": error.status,
        "detail": error.sentence,
        "hint": error.advice,
        "code": error.code,
        "id": identity,
        "details": error.details,
    }


def title(error: errors.ApplianceError) -> str:
    """The kind of error in a few words."""
    return error.code.replace("-", " ").capitalize()


def headers(error: errors.ApplianceError) -> dict[str, str]:
    """What HTTP wants beside the body for some statuses."""
    found = {"Cache-Control": "no-store"}
    if error.status == 401:
        found["WWW-Authenticate"] = 'Bearer realm="image-appliance"'
    if error.status == 405:
        found["Allow"] = str(error.words["allowed"])
    if error.status == 416:
        found["Content-Range"] = f"bytes */{error.words['size']}"
    if error.status in (411, 413):
        # The body stays unread: what follows on this connection could not be told from it.
        found["Connection"] = "close"
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        found["Retry-After"] = str(max(1, round(retry_after)))
    return found


def answer(error: Exception) -> answers.Answer:
    """The answer of the API to any exception."""
    told = explained(error)
    return answers.of_json(content(told, new_id(error)), told.status, TYPE, **headers(told))


def _invalid(error: pydantic.ValidationError) -> errors.ApplianceError:
    fields = [{"field": _field(found["loc"]), "reason": _reason(found)} for found in error.errors(include_url=False, include_input=False)]
    first = fields[0]
    return errors.Invalid(field=first["field"], reason=first["reason"], details={"fields": fields[:20]})


def _field(location: tuple[int | str, ...]) -> str:
    """`fingerprint.pieces.0.start`; a name that the client made up is shown short and printable."""
    name = ".".join(str(part) for part in location) or "body"
    return "".join(character if character.isprintable() else "?" for character in name[:80])


def _reason(found) -> str:
    words = {"extra_forbidden": "there is no such field", "missing": "it is required"}
    return words.get(found["type"], found["msg"].removeprefix("Value error, "))
