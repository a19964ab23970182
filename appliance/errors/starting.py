"""What keeps the appliance from starting."""

from appliance.errors.base import ApplianceError


class AlreadyRunning(ApplianceError):
    """Another process has the state directory. `pid` is its number, as text."""

    code = "already-running"
    status = 409
    says = "The appliance is running already on {state_dir} (process {pid})."
    hint = "Stop that one first, or give this one a state directory of its own with --state-dir."


class BadState(ApplianceError):
    """The state directory cannot be used. `reason` is a clause that says why."""

    code = "bad-state"
    status = 500
    says = "The state directory cannot be used: {reason}."
    hint = "Make it usable for this user, or choose another one with --state-dir."


class PortTaken(ApplianceError):
    """An address that cannot be listened on. `setting` is the port's setting, `reason` a clause that says why."""

    code = "port-taken"
    status = 500
    says = "Cannot listen on {host}, port {port}: {reason}."
    hint = "Stop the program that uses it, or choose another port: --port N, or the setting {setting} (0 switches a second port off)."


class NoSuchAddress(ApplianceError):
    """An address to listen on that is not this machine's."""

    code = "no-address"
    status = 500
    says = "Cannot listen on {host}: this machine has no such address."
    hint = "Give --host, or the setting host, an address of this machine; left empty, it stands for all of them."


class DaemonFailed(ApplianceError):
    """The local imaged does not start. `reason` is what it said last."""

    code = "daemon-failed"
    status = 500
    says = "The host daemon imaged does not start: {reason}."
    hint = "Its messages are in the log; the settings daemon_port and state_dir decide where it listens."
