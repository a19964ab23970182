"""The appliance's own certificates, renewed while it runs: nobody has to start it anew for that."""

import datetime
import logging
from collections.abc import Callable, Sequence

from appliance import authority, bootstrap, config, errors
from appliance.web import server
from imaged.httpd import tls

log = logging.getLogger(__name__)

#: Seconds between two looks.
INTERVAL = 3600


class Renewal:
    """`look` makes anew what is about to expire, and shows it from then on; connections that are there go on.

    The local daemon sees by itself that its file has changed.
    """

    def __init__(
        self,
        settings: config.Config,
        installation: bootstrap.Installation,
        signs: authority.Authority,
        listeners: Sequence[server.Listener],
        now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
    ):
        self._settings = settings
        self._fingerprint = installation.fingerprint
        self._authority = signs
        self._listeners = listeners
        self._now = now

    def look(self) -> None:
        try:
            self._authority.renew(self._now())
            fresh = bootstrap.prepare(self._settings, self._now())
            if fresh.fingerprint == self._fingerprint:
                return
            if not self._settings.http:
                context = tls.server_context(str(fresh.certificate), str(fresh.certificate_key))
                for listener in self._listeners:
                    listener.renew(context)
            self._fingerprint = fresh.fingerprint
            log.info("The certificate was renewed: SHA-256 %s", fresh.fingerprint)
        except (errors.ApplianceError, OSError):
            log.exception("The certificates could not be renewed; tried again in %d s", INTERVAL)
