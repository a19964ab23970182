"""The hosts, their storage domains, and which host does what."""

from appliance import authority
from appliance.admin.domains import Domains
from appliance.admin.ground import Ground
from appliance.admin.hosts import Hosts
from appliance.admin.placement import Placement
from appliance.transfer import hosts as transfer_hosts


class Fleet:
    """What whoever moves or keeps bytes works with. `connections` are the transfer room's; `authority` is what Hosts says of it."""

    def __init__(self, ground: Ground, connections: transfer_hosts.Hosts, authority: authority.Authority | None = None):
        self.connections = connections
        self.hosts = Hosts(ground, connections, authority)
        self.places = Placement(ground, self.hosts)
        self.domains = Domains(ground, self.hosts, self.places)
