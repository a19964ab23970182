"""Every error a person can meet, declared once: a stable code, a status, a sentence, and what to do about it.

Deep code raises one; each face of `web/` renders it in its own protocol's form; nobody in between catches it.
`says` and `hint` are format strings over the keyword arguments given; the spec `size` writes bytes as a person would: `{free:size}`.
"""

from appliance import units


class _Words:
    """Gives a value the extra format spec `size`."""

    def __init__(self, value):
        self._value = value

    def __format__(self, spec: str) -> str:
        return units.size(self._value) if spec == "size" else format(self._value, spec)


class ApplianceError(Exception):
    """Base of them all. `details` (JSON-able) is shown to API clients beside the sentence."""

    code = "error"
    status = 500
    says = "Something went wrong."
    hint = ""

    def __init__(self, *, details: dict | None = None, **words):
        self.words = words
        self.details = details or {}
        super().__init__(self.sentence)

    @property
    def sentence(self) -> str:
        return self.says.format(**{key: _Words(value) for key, value in self.words.items()})

    @property
    def advice(self) -> str:
        return self.hint.format(**{key: _Words(value) for key, value in self.words.items()})


class NotAllowed(ApplianceError):
    """The transfer's phase has no such move. `phase` and `event` are their names."""

    code = "not-allowed"
    status = 409
    says = "The transfer is {phase}: it cannot {event} now."
    hint = "Look at the transfer's phase, and use one of the actions it lists."


class NoSpace(ApplianceError):
    """The domain cannot take the image. `needed` and `free` are bytes."""

    code = "no-space"
    status = 409
    says = "{domain} has {free:size} free, and {name} needs {needed:size}."
    hint = "Delete an image or choose another storage domain."


class HostDown(ApplianceError):
    """The host did not answer."""

    code = "host-down"
    status = 503
    says = "Host {host} does not answer."
    hint = "Check that imaged runs there and that the network is up; what has arrived is safe, try again then."
