"""Every error a person can meet, declared once: a stable code, a status, a sentence, and what to do about it.

Deep code raises one; each face of `web/` renders it in its own protocol's form; nobody in between catches it.
`says` and `hint` are format strings over the keyword arguments given; the spec `size` writes bytes as a person would: `{free:size}`.

They are declared in the modules of this package, one for each noun, and found here by their names alone.
"""

from appliance.errors.data import *  # noqa: F403
from appliance.errors.entries import *  # noqa: F403
from appliance.errors.hosts import *  # noqa: F403
from appliance.errors.images import *  # noqa: F403
from appliance.errors.imports import *  # noqa: F403
from appliance.errors.requests import *  # noqa: F403
from appliance.errors.starting import *  # noqa: F403
from appliance.errors.transfers import *  # noqa: F403
from appliance.errors.users import *  # noqa: F403
