"""What every service of the administration stands on."""

import dataclasses

from appliance.admin.clock import Clock
from appliance.admin.database import Database
from appliance.admin.events import Events
from appliance.config import Config


@dataclasses.dataclass(frozen=True)
class Ground:
    """The settings, where things are kept, where is told what happens, and what time it is."""

    config: Config
    database: Database
    events: Events
    clock: Clock

    @classmethod
    def on(cls, config: Config, database: Database, clock: Clock | None = None) -> "Ground":
        """The ground on a migrated database. `clock` is for tests."""
        clock = clock or Clock()
        return cls(config, database, Events(database, clock), clock)
