"""Every error as Glance's clients read it: made in one place, from any error."""

from appliance import errors
from appliance.web import answers, problems
from appliance.web.glance import routes
from imaged import units

#: Of an error's own statuses, those that Glance says otherwise: what its clients know is 400.
STATUSES = {422: 400}

#: In place of advice that is for those who use the appliance by another face.
UNDERSTOOD = "docs/glance.md tells what is understood."
COVERED = "docs/glance.md tells what there is of it, and what is not covered."
QUEUED = "It is queued again, and takes other bytes."
SMALLER = "Send a smaller one; a store with more room may take a larger image."
NO_USER = "Leave out what stands before the @. The appliance's page, and POST /api/v1/imports, take a user and a password beside the URL."
TOKEN = "Give an API token as X-Auth-Token: image-appliance token add --user USER makes one."


def answer(error: Exception) -> answers.Answer:
    """The answer to any exception."""
    told = problems.explained(error)
    identity = problems.new_id(error)
    status = 413 if isinstance(told, errors.NoSpace) else STATUSES.get(told.status, told.status)
    content = {"code": status, "message": _message(told, identity), "title": problems.title(told)}
    headers = problems.headers(told)
    if status == 401:
        headers["WWW-Authenticate"] = 'Keystone uri=""'
    return answers.of_json({"error": content}, status, **headers)


def _message(error: errors.ApplianceError, identity: str) -> str:
    """What is wrong and what to do."""
    match error:
        case errors.BadRequest():
            advice = UNDERSTOOD
        case errors.NotFound() if error.words["what"] == routes.ADDRESS:
            advice = COVERED
        case errors.ImageIllegal():
            advice = QUEUED
        case errors.TooLarge():
            advice = SMALLER
        case errors.UserInUrl():
            advice = NO_USER
        case errors.NotLoggedIn():
            return f"The token is not valid, or there is none. {TOKEN}"
        case errors.Internal():
            advice = f"{error.advice} Error id: {identity}"
        case _:
            advice = error.advice
    return f"{units.sentence(error.sentence)} {advice}".strip()
