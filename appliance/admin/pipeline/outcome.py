"""How a step can end, beside a text that says what it did."""


class Skipped(str):
    """There was nothing to do, and why, as a clause."""


class Refused(Exception):
    """The image is not taken: what is wrong with it, as a sentence for a person."""


class Failed(Exception):
    """The import ends here. `code` and `sentence` are what its transfer shows as the reason."""

    def __init__(self, code: str, sentence: str):
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class Closed(Exception):
    """The import goes on without this step: it was cancelled, the appliance stops, or the step had its time."""
