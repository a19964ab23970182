"""Signed tickets for clients: for the appliance itself, or for a proxy that can reach the host."""

from collections.abc import Sequence

from appliance.admin import hosts, proxies, ranges, views
from appliance.transfer import tickets


class Issuing:
    def __init__(self, signer: tickets.Signer, hosts: hosts.Hosts, proxies: proxies.Proxies):
        self._signer = signer
        self._hosts = hosts
        self._proxies = proxies

    def issue(
        self,
        user: views.User,
        *,
        transfer: str,
        host: str,
        ticket: str,
        ops: Sequence[str],
        size: int,
        durable: tuple[ranges.Range, ...] | None = None,
        direct: bool = False,
    ) -> views.Ticket:
        """A ticket, and where it is good: at the proxy whose turn it is, or here if none answers, none reaches the host, or `direct`.

        `host` is the host's id, `ticket` the id of the host's own ticket.
        """
        address = None if direct else self._hosts.public(host)
        proxy = self._proxies.pick() if address else None
        token, expires_at = self._signer.issue(
            user=user.name,
            transfer=transfer,
            host=host,
            ticket=ticket,
            ops=ops,
            size=size,
            audience=proxy or tickets.AUDIENCE,
            address=address if proxy else None,
        )
        return views.Ticket(ticket=token, url=f"{proxy or ''}/images/{ticket}", expires_at=expires_at, size=size, durable=durable)
