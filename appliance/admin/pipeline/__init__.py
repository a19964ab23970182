"""The import pipeline: what is done with an image on its arrival, step by step (docs/import-steps.md).

A step is a callable that is given an `arrival.Arrival`, and says what it found or did: a text, `Skipped` with the reason, or None. It
refuses the image by raising `Refused`. Steps are found by the entry point `image_appliance.import_steps`, under the name that people see.
"""

from appliance.admin.pipeline.outcome import Closed, Refused, Skipped

__all__ = ["Closed", "Refused", "Skipped"]
