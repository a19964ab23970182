"""What every error has: a code, a status, a sentence, and a hint."""

from imaged import units


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
