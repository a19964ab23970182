"""A host with its real daemon (in this process, on unix sockets), a clock that tests turn, and an administration on top."""

import concurrent.futures
import contextlib
import datetime
import pathlib
import random
import socket
import threading
import time
import urllib.parse

from cryptography import fernet
from cryptography.hazmat.primitives.asymmetric import ed25519

from appliance import config, errors
from appliance.admin import Admin, models, users, views
from appliance.admin.clock import Clock
from appliance.transfer import hosts, sessions, tickets
from imaged import client, services
from imaged.httpd.server import Server

PASSWORD = "correct horse battery"
MIB = 1 << 20


class TurnedClock(Clock):
    """Goes only when it is turned."""

    def __init__(self):
        self.gone = 0.0
        self._start = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)
        # What the transfer room measures is compared with it.
        self._steady = time.monotonic()

    def now(self):
        return self._start + datetime.timedelta(seconds=self.gone)

    def steady(self):
        return self._steady + self.gone

    def turn(self, seconds):
        self.gone += seconds


class Daemon:
    """`imaged` on two unix sockets. `stop` and `start` lose what a killed process loses: tickets and jobs."""

    def __init__(self, directory, shared=None, **settings):
        """`shared` is the root of another one, which both see; `settings` are its context's."""
        self.root = directory / "domains"
        self.root.symlink_to(shared) if shared else self.root.mkdir()
        self.control = f"unix:{directory}/control"
        self.images = f"unix:{directory}/images"
        self._servers = []
        self._clock = None
        self._settings = settings
        self.start()

    def follow(self, clock):
        """From now on, tickets age as the clock is turned."""
        self._clock = clock
        self.context.tickets._clock = clock.steady

    def start(self):
        self.context = services.Context([self.root], **self._settings)
        if self._clock:
            self.follow(self._clock)
        self._servers = [
            Server(self.control.removeprefix("unix:"), services.control_app(self.context), threads=4),
            Server(self.images.removeprefix("unix:"), services.images_app(self.context), threads=8),
        ]
        for server in self._servers:
            server.prepare()
            threading.Thread(target=server.serve, daemon=True).start()

    def stop(self, *, wait=True):
        """Without waiting for the servers' loops to notice, half a second later, if nobody will start it again."""
        ends = [threading.Thread(target=server.stop) for server in self._servers]
        if self._servers:
            ends.append(threading.Thread(target=self.context.close))
        self._servers = []
        for end in ends:
            end.start()
        for end in ends if wait else ():
            end.join()

    def restart(self):
        self.stop()
        self.start()

    @contextlib.contextmanager
    def deaf(self):
        """In its place something listens that takes every connection to the control service and never answers. Yields an event: asked."""
        self.stop()
        path, asked, taken = self.control.removeprefix("unix:"), threading.Event(), []
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()

            def take():
                with contextlib.suppress(OSError):
                    while True:
                        taken.append(listener.accept()[0])
                        asked.set()

            threading.Thread(target=take, daemon=True).start()
            yield asked
            listener.shutdown(socket.SHUT_RDWR)
        pathlib.Path(path).unlink()
        for sock in taken:
            sock.close()


class House:
    """One appliance. `admin` is replaced by `crash`: only the database and the host remain."""

    def __init__(self, directory, daemon, database, **settings):
        self.daemon = daemon
        self.clock = TurnedClock()
        self.authority = None
        self.import_key = fernet.Fernet.generate_key()
        self.config = config.Config(state_dir=directory, **settings)
        self.database = database
        self.crash()
        host = self.admin.hosts.ensure("local", daemon.control, daemon.images)
        self.data = self.admin.domains.ensure("data", "data", host, str(daemon.root / "data"))
        self.iso = self.admin.domains.ensure("iso", "iso", host, str(daemon.root / "iso"))
        self.root, self.ann, self.bob, self.eve = (
            self._add(name, role) for name, role in [("admin", "admin"), ("ann", "uploader"), ("bob", "uploader"), ("eve", "viewer")]
        )

    def _add(self, name, role):
        """A user who never logs in: hashing passwords is what would take the time."""
        user = models.User(name=name, role=role, password_hash="", created_at=self.clock.now())
        with self.database.session() as session:
            session.add(user)
        return users.view(user)

    def crash(self):
        """A new process: nothing is left of the old one's memory."""
        key = ed25519.Ed25519PrivateKey.generate()
        self.hosts = hosts.Hosts()
        self.sessions = sessions.Sessions(tickets.Verifier(key.public_key(), "here", 0, 5))
        self.admin = Admin(
            self.config,
            self.database,
            self.hosts,
            tickets.Signer(key, "here", 300),
            self.sessions,
            authority=self.authority,
            import_key=self.import_key,
            clock=self.clock,
        )

    @property
    def transfers(self):
        return self.admin.transfers

    @property
    def host(self):
        return self.admin.hosts.all()[0]

    @property
    def control(self):
        """The daemon, as the administration sees it."""
        self.admin.hosts.load()
        return self.hosts.control(self.host.id)

    def request(self, **changes):
        words = {"name": "disk", "size": 3 << 20, "format": "raw", "domain": "data"} | changes
        return views.NewTransfer(**words)

    def disk(self, user=None, **changes):
        """An empty disk, as an oVirt client makes it."""
        words = {"name": "disk", "size": MIB, "format": "raw", "domain": "data"} | changes
        return self.admin.disks.create(user or self.ann, views.NewDisk(**words))

    def start(self, disk, user=None, **changes):
        """A transfer of a disk, as an oVirt client starts it."""
        return self.transfers.start(user or self.ann, views.NewImageTransfer(image=disk.id, **changes))

    def fill(self, disk, data, **changes):
        """A whole upload to a disk that is there; returns the finished transfer."""
        transfer = self.start(disk, **changes)
        assert self.put(path(transfer), data) == 200
        self.transfers.finalize(self.ann, transfer.id)
        return self.settle(transfer, "finished_success", "finished_failure")

    def image(self, disk):
        return self.admin.images.get(disk.id)

    def create(self, user=None, **changes):
        return self.transfers.create(user or self.ann, self.request(**changes))

    def phase(self, transfer):
        return self.transfers.get(self.root, transfer.id).phase

    def send(self, transfer, data, offset=0):
        """Sends bytes to the host, as a client with a fresh ticket would; returns the status."""
        url = self.transfers.ticket(self.root, transfer.id).url
        return self.put(url, data, offset)

    def ask(self, method, url, body=b"", **headers):
        """One request to the host's images service; returns the status and the answer's body."""
        with self.hosts.images(self.host.id).connection() as connection:
            connection.start(method, url, [*headers.items(), ("Content-Length", str(len(body)))])
            # It may have answered, and hung up, before it saw a body.
            with contextlib.suppress(client.Unreachable):
                connection.send(body)
            response = connection.response()
            return response.status, response.read()

    def put(self, url, data, offset=0):
        with self.hosts.images(self.host.id).connection() as connection:
            headers = [("Content-Length", str(len(data))), ("Content-Range", f"bytes {offset}-{offset + len(data) - 1}/*")]
            connection.start("PUT", url, headers)
            with contextlib.suppress(client.Unreachable):
                connection.send(data)
            response = connection.response()
            response.read()
        return response.status

    def settle(self, transfer, *phases):
        """Looks until the transfer has one of the phases; returns it."""
        deadline = time.monotonic() + 30
        while (found := self.transfers.get(self.root, transfer.id)).phase not in phases:
            assert time.monotonic() < deadline, f"still {found.phase}: {found.reason}"
            self.admin.monitor.tick()
            time.sleep(0.005)
        return found

    def upload(self, user=None, data=None, **changes):
        """A whole upload, from its start to the verified image."""
        data = disk() if data is None else data
        transfer = self.create(user, size=len(data), **changes)
        assert self.send(transfer, data) == 200
        self.transfers.finalize(self.root, transfer.id)
        return self.settle(transfer, "finished_success", "finished_failure")

    def files(self):
        """The names of everything that lies in the storage domains."""
        return [path.name for path in self.daemon.root.rglob("*") if path.is_file() and path.name != ".image-domain"]

    def codes(self):
        """The codes of all events, oldest first."""
        return [event.code for event in reversed(self.admin.events.page(limit=500).items)]


def path(transfer):
    """The path of an oVirt client's transfer, whose id is the credential."""
    return urllib.parse.urlsplit(transfer.transfer_url).path


def at_once(count, act):
    """What so many calls at the same time come to, sorted: what `act` returned, or the code of what it raised."""

    def outcome(_):
        try:
            return act()
        except errors.ApplianceError as error:
            return error.code

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return sorted(pool.map(outcome, range(count)))


def disk(size=3 << 20, seed=1):
    """Bytes of a raw disk: no two pieces of it are the same."""
    return random.Random(seed).randbytes(size)
