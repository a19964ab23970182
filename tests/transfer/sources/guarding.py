"""What may be fetched, as administrators say it."""

from appliance import config
from appliance.transfer.sources import guard

PUBLIC = guard.Policy()


def policy(tmp_path, **settings) -> guard.Policy:
    return guard.Policy.of(config.load(environ={}, state_dir=tmp_path, **settings))
