"""By what hosts and the appliance know each other: its authority signs both sides, and each side's certificate is for one thing only."""

import datetime
import pathlib
import ssl
import threading

from cryptography.hazmat.primitives import serialization

from appliance import certificates, errors
from imaged.httpd import tls

#: A host's certificate is renewed when this part of its lifetime is left.
LEFT = 1 / 3


class Authority:
    """The authority of a state directory that `bootstrap.prepare` has made. Thread-safe."""

    def __init__(self, state_dir: pathlib.Path, lifetime: float):
        """`lifetime` of a host's certificate is in seconds. Raises errors.BadState."""
        self._directory = state_dir / "tls"
        self._lifetime = lifetime
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None
        try:
            self._ca, self._key = certificates.authority(state_dir / "ca")
            #: The common name by which hosts know the appliance: no other certificate of the authority is a client's.
            self.client = f"appliance {(state_dir / 'keys' / 'installation').read_text('ascii').strip()}"
        except OSError as error:
            raise errors.BadState(reason=f"{error.filename}: {error.strerror}") from None
        except ValueError as error:
            raise errors.BadState(reason=str(error)) from None
        self.path = state_dir / "ca" / "ca.pem"
        self.pem = self._ca.public_bytes(serialization.Encoding.PEM).decode("ascii")
        self.fingerprint = certificates.fingerprint(self._ca)

    def context(self) -> ssl.SSLContext:
        """For connections to hosts: ours is shown, theirs must be the authority's, for the address that was asked."""
        with self._lock:
            if self._context is None:
                self._context = self._load(datetime.datetime.now(datetime.UTC))
            return self._context

    def renew(self, now: datetime.datetime) -> bool:
        """Makes the appliance's own certificate anew when it is about to expire: then `context` is another one, and this is True."""
        before = self.context()
        certificate = self._directory / "client.pem"
        known = certificate.read_bytes()
        fresh = self._load(now)
        if certificate.read_bytes() == known:
            return False
        with self._lock:
            if self._context is before:
                self._context = fresh
        return True

    def sign(self, request: bytes, address: str, now: datetime.datetime) -> tuple[str, datetime.datetime]:
        """A certificate (PEM, the authority's behind it) for a host's request, and when it expires. Raises errors.Invalid."""
        try:
            certificate = certificates.host(request, address, self._ca, self._key, now, self._lifetime)
        except certificates.BadName:
            raise errors.Invalid(field="address", reason=f"no certificate can be made for {address}") from None
        except ValueError as error:
            raise errors.Invalid(field="request", reason=f"it is no certificate signing request: {error}") from None
        pem = certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")
        return pem + self.pem, certificate.not_valid_after_utc

    def due(self, expires_at: datetime.datetime, now: datetime.datetime) -> bool:
        """Is it time to renew a host's certificate that expires then?"""
        return (expires_at - now).total_seconds() <= self._lifetime * LEFT

    def _load(self, now: datetime.datetime) -> ssl.SSLContext:
        certificates.client(self._directory, self._ca, self._key, self.client, now)
        return tls.client_context(str(self.path), str(self._directory / "client.pem"), str(self._directory / "client.key"))
