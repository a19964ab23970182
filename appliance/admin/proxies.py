"""The standalone proxies: which of them answer, and whose turn it is."""

import collections
import json
import logging
import ssl
import threading
from collections.abc import Mapping

from appliance import authority
from appliance.admin import events
from appliance.admin.ground import Ground
from appliance.transfer import tickets
from imaged import client

log = logging.getLogger(__name__)

#: Seconds that a proxy has to say that it is there.
LOOK = 3.0
#: Bytes of its answer that are read.
MAX_ANSWER = 4096

ALIVE, SILENT = "alive", "silent"


class NotOurs(Exception):
    """Something answers there, but no proxy of this appliance: a clause."""


class Proxies:
    """The `proxies` of the settings (`https://name:port`). Thread-safe.

    Each is looked at every `monitor_interval`, by a thread of its own: one that hangs delays no other. `signer` is of the tickets that
    they are to take: theirs are its installation and, give or take `clock_skew`, its clock.
    """

    def __init__(self, ground: Ground, signer: tickets.Signer, authority: authority.Authority | None):
        self._ground = ground
        self._signer = signer
        self._authority = authority
        self._lock = threading.Lock()
        self._turns = collections.deque(ground.config.proxies)
        #: Of each what it was when it was looked at last: None before that.
        self._states: dict[str, str | None] = dict.fromkeys(ground.config.proxies)
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begins to watch."""
        self._stopping.clear()
        for url in self._states:
            thread = threading.Thread(target=self._watch, args=(url,), name=f"proxy {url}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Ends the watch; returns when its threads have ended, or are known to wait for a proxy that hangs."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(LOOK)
        self._threads.clear()

    def pick(self) -> str | None:
        """The URL of a proxy that answers, another one each time; None when there is none."""
        with self._lock:
            for url in tuple(self._turns):
                self._turns.rotate(-1)
                if self._states[url] == ALIVE:
                    return url
        return None

    @property
    def alive(self) -> Mapping[str, bool]:
        """Whether each of them answered when it was looked at last."""
        with self._lock:
            return {url: state == ALIVE for url, state in self._states.items()}

    def look(self, url: str, service: client.Images) -> None:
        """Asks the proxy whether it is there, and records what has changed."""
        try:
            self._ask(url, service)
            state = reason = ALIVE
        except NotOurs as error:
            state = reason = str(error)
        except client.Unreachable as error:
            # In how many ways it may be silent is of no interest.
            state, reason = SILENT, str(error)
        with self._lock:
            before, self._states[url] = self._states[url], state
        if state != ALIVE and state != before:
            self._record("proxy-down", f"Proxy {url} cannot be used: {reason}", events.WARNING)
        elif state == ALIVE and before not in (ALIVE, None):
            self._record("proxy-up", f"Proxy {url} answers", events.INFO)

    def _watch(self, url: str) -> None:
        service = client.Images(url, timeout=LOOK, tls=self._authority.context() if self._authority else None)
        while True:
            try:
                self.look(url, service)
            except Exception:
                log.exception("The look at proxy %s failed", url)
            if self._stopping.wait(self._ground.config.monitor_interval):
                service.close()
                return

    def _ask(self, url: str, service: client.Images) -> None:
        asked = self._signer.clock()
        try:
            with service.connection() as connection:
                connection.start("GET", "/info/", [])
                response = connection.response()
                body = response.read(MAX_ANSWER)
        except client.Unreachable as error:
            if isinstance(error.__cause__, ssl.SSLCertVerificationError):
                raise NotOurs(f"its certificate is not good: {error.__cause__.verify_message}") from None
            raise
        try:
            told = json.loads(body)
            appliance, proxy, time = told["appliance"], told["proxy"], float(told["time"])
        except (ValueError, TypeError, LookupError):
            raise NotOurs("what answers there is no proxy") from None
        if response.status != 200:
            raise NotOurs("what answers there is no proxy")
        if appliance != self._signer.issuer:
            raise NotOurs("it is another appliance's")
        if proxy != url:
            raise NotOurs(f"its key is for {proxy}"[:200])
        skew = self._ground.config.clock_skew
        if not asked - skew <= time <= self._signer.clock() + skew:
            raise NotOurs(f"its clock differs from the appliance's by more than {skew:g} s")

    def _record(self, code: str, message: str, severity: str) -> None:
        with self._ground.database.session() as session:
            self._ground.events.record(session, code, message, severity=severity)
