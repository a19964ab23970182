"""/hosts: the machines that storage domains lie on; and how one becomes ours."""

from appliance.admin import views
from appliance.web.api.calls import Call


def index(call: Call) -> dict:
    return {"items": call.admin.hosts.all(), "next": None}


def show(call: Call) -> views.Host:
    return call.admin.hosts.get(call.id)


def add(call: Call) -> dict:
    return _shown(call.admin.enrolment.add(views.NewHost(**call.body.model_dump()), call.user))


def invite(call: Call) -> dict:
    return _shown(call.admin.enrolment.invite(call.id, call.user))


def remove(call: Call) -> None:
    call.admin.hosts.remove(call.id, call.user)


def maintenance(call: Call) -> views.Host:
    return _changed(call, True)


def activate(call: Call) -> views.Host:
    return _changed(call, False)


def authority(call: Call) -> dict:
    return {"certificate": call.admin.enrolment.authority.pem}


def enrol(call: Call) -> views.Enrolled:
    enrolled = call.admin.enrolment.enrol(call.body.token, call.body.request)
    call.admin.monitor.wake()
    return enrolled


def _changed(call: Call, maintenance: bool) -> views.Host:
    host = call.admin.hosts.maintain(call.id, maintenance, call.user)
    call.admin.monitor.wake()
    return host


def _shown(invitation: views.Invitation) -> dict:
    return vars(invitation) | {"id": invitation.host.id}
