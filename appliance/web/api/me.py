"""/me: who is asking."""

from appliance.web.api.calls import Call


def show(call: Call) -> dict:
    token = "" if call.visitor.cookie is None else call.csrf.token(call.visitor.cookie)
    return {"name": call.user.name, "role": call.user.role, "csrf_token": token}
