"""What exists, who may, and what happens next: the database and the life of transfers.

Services answer with the frozen views of `views.py`, and raise the errors of `appliance.errors`. No HTTP and no byte of an image here.
"""

from appliance import addresses as _addresses
from appliance import authority as _authority
from appliance.admin.clock import Clock
from appliance.admin.database import Database
from appliance.admin.digesting import Digesting
from appliance.admin.disk_transfers import DiskTransfers
from appliance.admin.disks import Disks
from appliance.admin.domains import Domains
from appliance.admin.enrolment import Enrolment
from appliance.admin.events import Events
from appliance.admin.finalizing import Finalizing
from appliance.admin.hosts import Hosts
from appliance.admin.images import Images
from appliance.admin.issuing import Issuing
from appliance.admin.live import Live
from appliance.admin.logins import Logins
from appliance.admin.monitor import Monitor
from appliance.admin.moves import Moves
from appliance.admin.placement import Placement
from appliance.admin.proxies import Proxies
from appliance.admin.resuming import Resuming
from appliance.admin.shown import Shown
from appliance.admin.tokens import Tokens
from appliance.admin.transfers import Transfers
from appliance.admin.uploads import Uploads
from appliance.admin.users import Users
from appliance.config import Config
from appliance.transfer import hosts as _hosts
from appliance.transfer import sessions as _sessions
from appliance.transfer import tickets as _tickets


class Admin:
    """All services, on one migrated database and the transfer room's parts; `sessions` is told whom to call when the host stops data.

    Nothing moves by itself until `monitor.start()`, and no proxy is used until `proxies.start()`. Without an `authority` no host can be
    enrolled. `clock` is for tests.
    """

    def __init__(
        self,
        config: Config,
        database: Database,
        hosts: _hosts.Hosts,
        signer: _tickets.Signer,
        sessions: _sessions.Sessions,
        *,
        authority: _authority.Authority | None = None,
        clock: Clock | None = None,
    ):
        clock = clock or Clock()
        self.events = Events(database, clock)
        self.users = Users(database, self.events, clock)
        self.tokens = Tokens(database, self.events, clock, config.token_lifetime)
        self.logins = Logins(
            database,
            self.users,
            self.events,
            clock,
            lifetime=config.login_lifetime,
            attempts=config.login_attempts,
            window=config.login_window,
        )
        self.hosts = Hosts(database, hosts, self.events, clock, authority)
        self.enrolment = Enrolment(database, self.hosts, authority, self.events, clock, config.url)
        places = Placement(database, self.hosts)
        self.domains = Domains(database, self.hosts, places, self.events, clock)
        self.proxies = Proxies(
            config.proxies,
            signer.issuer,
            database,
            self.events,
            authority,
            config.monitor_interval,
            config.clock_skew,
            signer.clock,
        )
        issuing = Issuing(signer, self.hosts, self.proxies)
        self.images = Images(config, database, self.hosts, self.domains, places, issuing, self.events, clock)
        self.disks = Disks(config, database, self.hosts, self.domains, places, self.events, clock)
        moves = Moves(self.events, clock, paused_lifetime=config.paused_lifetime, finished_lifetime=config.finished_lifetime)
        live = Live(config, database, self.hosts, self.domains, sessions, clock)
        finalizing = Finalizing(config, database, self.hosts, self.domains, live, moves, self.events, clock)
        resuming = Resuming(database, self.hosts, places, live, moves)
        self.monitor = Monitor(
            config,
            database,
            self.hosts,
            self.enrolment,
            self.domains,
            live,
            moves,
            finalizing,
            resuming,
            self.images,
            self.disks,
            Digesting(database, self.hosts, places, clock),
            self.logins,
            self.tokens,
            self.events,
            clock,
        )
        uploads = Uploads(config, database, self.hosts, self.domains, places, live, moves, self.events, clock)
        self.transfers = Transfers(
            database,
            self.hosts,
            live,
            moves,
            finalizing,
            resuming,
            uploads,
            DiskTransfers(config, database, self.hosts, self.images, places, live, moves, self.events, clock),
            Shown(live, _addresses.images(config)),
            issuing,
            self.monitor.wake,
        )
        sessions.on_stopped = self.monitor.stopped
