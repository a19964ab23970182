"""What exists, who may, and what happens next: the database and the life of transfers.

Services answer with the frozen views of `views`, and raise the errors of `appliance.errors`. No HTTP and no byte of an image here.
"""

from appliance import addresses as _addresses
from appliance import authority as _authority
from appliance.admin.arrivals import Arrivals
from appliance.admin.bell import Bell
from appliance.admin.clock import Clock
from appliance.admin.copying import Copying
from appliance.admin.database import Database
from appliance.admin.deposits import Deposits
from appliance.admin.digesting import Digesting
from appliance.admin.disk_transfers import DiskTransfers
from appliance.admin.disks import Disks
from appliance.admin.enrolment import Enrolment
from appliance.admin.entries import Entries
from appliance.admin.finalizing import Finalizing
from appliance.admin.fleet import Fleet
from appliance.admin.ground import Ground
from appliance.admin.images import Images
from appliance.admin.importing import Importing
from appliance.admin.imports import Imports
from appliance.admin.issuing import Issuing
from appliance.admin.live import Live
from appliance.admin.logins import Logins
from appliance.admin.monitor import Monitor
from appliance.admin.moves import Moves
from appliance.admin.proxies import Proxies
from appliance.admin.resuming import Resuming
from appliance.admin.rounds import Rounds
from appliance.admin.seal import Seal
from appliance.admin.shown import Shown
from appliance.admin.stores import Stores
from appliance.admin.survey import Survey
from appliance.admin.sweeping import Sweeping
from appliance.admin.tasks import Tasks
from appliance.admin.tending import Tending
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

    Nothing moves by itself until `monitor.start()`, nothing is imported until `importing.start()`, and no proxy is used until
    `proxies.start()`. Without an `authority` no host can be
    enrolled. `import_key` encrypts what opens the sources of imports. `clock` is for tests.
    """

    def __init__(
        self,
        config: Config,
        database: Database,
        hosts: _hosts.Hosts,
        signer: _tickets.Signer,
        sessions: _sessions.Sessions,
        *,
        import_key: bytes,
        authority: _authority.Authority | None = None,
        clock: Clock | None = None,
    ):
        ground = Ground.on(config, database, clock)
        fleet = Fleet(ground, hosts, authority)
        bell = Bell()
        # Who uses it, and what is told of it.
        self.events = ground.events
        self.users = Users(ground)
        self.tokens = Tokens(ground)
        self.logins = Logins(ground, self.users)
        # Where images live, and the ways to their bytes.
        self.hosts = fleet.hosts
        self.domains = fleet.domains
        self.enrolment = Enrolment(ground, fleet.hosts, authority, config.url)
        self.proxies = Proxies(ground, signer, authority)
        issuing = Issuing(signer, fleet.hosts, self.proxies)
        self.images = Images(ground, fleet, issuing)
        self.disks = Disks(ground, fleet)
        # How bytes come and go: what moves, how it begins, goes on and ends.
        moves = Moves(ground)
        live = Live(ground, fleet, sessions)
        uploads = Uploads(ground, fleet, live, moves)
        disk_transfers = DiskTransfers(ground, fleet, live, moves, self.images)
        resuming = Resuming(fleet, live, moves)
        finalizing = Finalizing(ground, fleet, live, moves)
        shown = Shown(live, _addresses.images(config))
        self.transfers = Transfers(ground, fleet, live, moves, finalizing, resuming, uploads, disk_transfers, shown, issuing, bell)
        # What is fetched from elsewhere.
        seal = Seal(import_key)
        self.imports = Imports(ground, uploads, self.transfers, seal, bell)
        copying = Copying(ground, fleet, self.images, uploads, seal, bell)
        self.importing = Importing(ground, fleet, live, moves, finalizing, copying, seal, bell)
        # What Glance's clients see of it.
        self.stores = Stores(ground, fleet)
        self.entries = Entries(ground, self.images, self.transfers)
        self.tasks = Tasks(ground)
        self.deposits = Deposits(ground, fleet, live, self.entries, self.stores, uploads, self.transfers)
        self.arrivals = Arrivals(ground, self.entries, self.stores, self.transfers, self.imports, copying, self.tasks)
        # What goes on unasked.
        tending = Tending(ground, fleet, live, moves, finalizing, resuming, bell)
        survey = Survey(ground, fleet, live, tending)
        rounds = Rounds(ground, fleet, live, survey, tending, self.enrolment, self.images, Digesting(ground, fleet))
        sweeping = Sweeping(ground, self.disks, self.logins, self.tokens, self.enrolment, self.tasks)
        self.monitor = Monitor(ground, fleet, rounds, tending, sweeping, bell)
        sessions.on_stopped = self.monitor.stopped
