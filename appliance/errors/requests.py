"""Requests that cannot be understood, or be done as they stand."""

from appliance.errors.base import ApplianceError


class BadRequest(ApplianceError):
    """A request that cannot be understood. `reason` is a clause that says why."""

    code = "bad-request"
    status = 400
    says = "The request cannot be understood: {reason}."
    hint = "Correct the request; docs/api.md and /api/v1/openapi.json show what is expected."


class NotFound(ApplianceError):
    """There is no such thing. `what` is the kind of thing: "image", "transfer", "page"."""

    code = "not-found"
    status = 404
    says = "There is no such {what}."
    hint = "It may have been deleted: look at the list it came from."


class MethodNotAllowed(ApplianceError):
    """The address exists and does not take this method. `allowed` names those it takes."""

    code = "method-not-allowed"
    status = 405
    says = "This address does not take {method}."
    hint = "Use one of: {allowed}."


class BadCsrf(ApplianceError):
    """An unsafe request with a cookie that did not prove that it comes from our own page."""

    code = "bad-csrf"
    status = 403
    says = "This request does not come from a page of this appliance, or its page is too old."
    hint = "Load the page again, then repeat what you did."


class TooLarge(ApplianceError):
    """A body above the cap. `limit` is bytes."""

    code = "too-large"
    status = 413
    says = "The body of this request may have at most {limit:size}."
    hint = "Send a smaller body; an image's bytes go to the address that its ticket names."


class UnsupportedType(ApplianceError):
    """A body of another content type than the `wanted` one."""

    code = "unsupported-type"
    status = 415
    says = "The body of this request must be {wanted}."
    hint = "Send it with the header Content-Type: {wanted}."


class Invalid(ApplianceError):
    """A value that cannot be accepted. `field` is its name in the request, `reason` a clause that says why."""

    code = "invalid"
    status = 422
    says = "{field}: {reason}."
    hint = "Correct {field} and try again."


class Internal(ApplianceError):
    """A fault of ours: the traceback is in the log, under the id that the answer shows."""

    code = "internal"
    status = 500
    says = "Something went wrong inside the appliance."
    hint = "Try again. If it happens again, give the administrator this error's id: it finds the cause in the log."
