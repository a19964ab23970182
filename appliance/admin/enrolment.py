"""How a host becomes ours: a one-time token, for which the authority signs the key that the host has made; and later keys, unasked."""

import datetime
import re
import secrets
import shlex

import sqlalchemy as sa

from appliance import errors
from appliance.admin import digests, hosts, models, views
from appliance.admin.ground import Ground
from appliance.authority import Authority

#: Seconds that a token may be used, once.
LIFETIME = 3600.0
#: Lets people, and scanners for leaked secrets, recognise one.
PREFIX = "iae_"


class Enrolment:
    """`url` is where hosts reach the appliance."""

    def __init__(self, ground: Ground, hosts: hosts.Hosts, authority: Authority | None, url: str):
        self._ground = ground
        self._hosts = hosts
        self._given = authority
        self._url = url

    @property
    def authority(self) -> Authority:
        if self._given is None:
            raise RuntimeError("this administration has no authority")
        return self._given

    def add(self, new: views.NewHost, user: views.User | None = None) -> views.Invitation:
        """Records a host, and how it is to be enrolled. Raises errors.Invalid, errors.HostExists."""
        return self.invite(self._hosts.add(new, user).id, user)

    def invite(self, host_id: str, user: views.User | None = None) -> views.Invitation:
        """A new token for the host (id or name); those before it are void. Raises errors.NotFound, errors.Invalid (the appliance's own)."""
        token = PREFIX + secrets.token_urlsafe(32)
        expires_at = self._ground.clock.now() + datetime.timedelta(seconds=LIFETIME)
        with self._ground.database.session() as session:
            host = hosts.find(session, host_id)
            if host.address is None:
                raise errors.Invalid(field="host", reason=f"{host.name} is the appliance's own, and needs no token")
            session.execute(sa.delete(models.Enrolment).where(models.Enrolment.host_id == host.id, models.Enrolment.used_at.is_(None)))
            session.add(models.Enrolment(digest=digests.of(token), host_id=host.id, expires_at=expires_at))
            message = f"A token to enrol host {host.name} was made; it is valid for an hour"
            self._ground.events.record(session, "host-invited", message, user=user)
        fingerprint = self.authority.fingerprint
        words = ("imaged", "enrol", self._url, "--token", token, "--fingerprint", fingerprint)
        return views.Invitation(self._hosts.get(host.id), shlex.join(words), token, fingerprint, expires_at)

    def enrol(self, token: str, request: str) -> views.Enrolled:
        """The certificate for a host's request (CSR, PEM). Whoever has the token is the host. Raises errors.BadEnrolment, Invalid."""
        now = self._ground.clock.now()
        with self._ground.database.reading() as session:
            # Anybody may ask: whoever guesses takes no lock.
            if session.get(models.Enrolment, digests.of(token)) is None:
                raise errors.BadEnrolment(reason="its token is not known")
        with self._ground.database.session() as session:
            # Looked up by its digest: how long that takes tells nothing of any token.
            invitation = session.get(models.Enrolment, digests.of(token), with_for_update=True)
            if invitation is None:
                raise errors.BadEnrolment(reason="its token is not known")
            if invitation.used_at is not None:
                raise errors.BadEnrolment(reason="its token has been used already")
            if invitation.expires_at <= now:
                raise errors.BadEnrolment(reason="its token was valid for an hour, which has passed")
            host = invitation.host
            certificate, expires_at = self.authority.sign(request.encode(), host.address or "", now)
            invitation.used_at = now
            host.enrolled, host.certificate_expires_at = True, expires_at
            host.up, host.reason = False, None
            self._ground.events.record(session, "host-enrolled", f"Host {host.name} was enrolled")
        images, control = (int(re.search(r":(\d+)$", place)[1]) for place in (host.images, host.control))  # type: ignore[index]
        return views.Enrolled(host.name, host.address or "", images, control, certificate, self.authority.pem, self.authority.client)

    def renew(self, host: models.Host) -> None:
        """Gives the host a new certificate when it is time. Raises errors.HostDown, errors.HostRefused."""
        if self._given is None or host.certificate_expires_at is None:
            return
        now = self._ground.clock.now()
        if not self._given.due(host.certificate_expires_at, now):
            return
        with self._hosts.asking(host) as control:
            certificate, expires_at = self._given.sign(control.certificate_request().encode(), host.address or "", now)
            control.install_certificate(certificate)
        with self._ground.database.session() as session:
            session.execute(sa.update(models.Host).where(models.Host.id == host.id).values(certificate_expires_at=expires_at))
            self._ground.events.record(session, "host-certificate", f"The certificate of host {host.name} was renewed")

    def forget(self) -> None:
        """Removes tokens that expired a day ago: until then their use is refused with the reason."""
        before = self._ground.clock.now() - datetime.timedelta(days=1)
        with self._ground.database.session() as session:
            session.execute(sa.delete(models.Enrolment).where(models.Enrolment.expires_at <= before))
