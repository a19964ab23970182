"""Signed tickets: what a client shows to move the bytes of one transfer. A JWT, signed with Ed25519, good for minutes.

The key pair is this installation's own, and one algorithm is accepted. Who accepts a ticket is its audience: the appliance, or one proxy
that knows the public key. So a ticket that was used at one of them is worth nothing at another.
"""

import dataclasses
import datetime
import time
import uuid
from collections.abc import Callable, Sequence

import jwt
from cryptography.hazmat.primitives.asymmetric import ed25519

from appliance import errors

ALGORITHM = "EdDSA"
#: The appliance itself; a proxy's audience is its URL.
AUDIENCE = "images"
CLAIMS = [
    "iss",
    "aud",
    "sub",
    "jti",
    "iat",
    "nbf",
    "exp",
    "transfer",
    "host",
    "ticket",
    "ops",
    "size",
]

# Far above any ticket of ours (about 600 bytes): what is longer is not worth a signature check.
MAX_TOKEN_LENGTH = 4096

_wall, _steady = time.time(), time.monotonic()


def now() -> float:
    """Seconds since the epoch, as this process counts them: a clock that is set back does not revive or refuse tickets."""
    return _wall + (time.monotonic() - _steady)


@dataclasses.dataclass(frozen=True)
class Ticket:
    """A verified ticket. `ticket` is the host's ticket (its id), `host` the host's id, `size` bytes, `expires` seconds since the epoch.

    `address` is where a proxy finds the host's images service: `https://host:port`.
    """

    id: str
    user: str
    transfer: str
    host: str
    ticket: str
    ops: tuple[str, ...]
    size: int
    expires: float
    address: str | None = None


class Signer:
    """Issues tickets for this installation. `lifetime` is in seconds."""

    def __init__(
        self,
        private_key: ed25519.Ed25519PrivateKey,
        issuer: str,
        lifetime: float,
        clock: Callable[[], float] = now,
    ):
        self._key = private_key
        #: The installation's id.
        self.issuer = issuer
        self._lifetime = lifetime
        self.clock = clock

    def issue(
        self,
        *,
        user: str,
        transfer: str,
        host: str,
        ticket: str,
        ops: Sequence[str],
        size: int,
        audience: str = AUDIENCE,
        address: str | None = None,
    ) -> tuple[str, datetime.datetime]:
        """A new ticket and the time (aware, UTC) it expires at.

        `host` is the host's id, `ticket` the id of the host's own ticket, `ops` some of "read" and "write", `size` the image's in bytes.
        For a proxy, `audience` is its URL and `address` the host's (`https://host:port`).
        """
        issued = self.clock()
        expires = issued + self._lifetime
        claims = {
            "iss": self.issuer,
            "aud": audience,
            "sub": user,
            "jti": str(uuid.uuid4()),
            "iat": issued,
            "nbf": issued,
            "exp": expires,
            "transfer": transfer,
            "host": host,
            "ticket": ticket,
            "ops": list(ops),
            "size": size,
        } | ({"address": address} if address else {})
        return jwt.encode(claims, self._key, ALGORITHM), datetime.datetime.fromtimestamp(expires, datetime.UTC)


class Verifier:
    """Accepts what this installation's signer issued since `started_at` (seconds since the epoch), give or take `skew` seconds.

    Tickets from before the start are refused because the memory of those already used ended with the process that held it.
    With a proxy's URL as `audience`, they must be for that proxy, and tell the host's address.
    """

    def __init__(
        self,
        public_key: ed25519.Ed25519PublicKey,
        issuer: str,
        started_at: float,
        skew: float,
        clock: Callable[[], float] = now,
        *,
        audience: str = AUDIENCE,
    ):
        self._key = public_key
        self._audience = audience
        self._required = CLAIMS if audience == AUDIENCE else [*CLAIMS, "address"]
        self._issuer = issuer
        self._started_at = started_at
        self.skew = skew
        self.clock = clock

    def verify(self, token: str) -> Ticket:
        """The ticket that `token` is. Raises errors.BadTicket, whose `reason` tells an operator which check failed."""
        if len(token) > MAX_TOKEN_LENGTH:
            raise errors.BadTicket(f"it is longer than {MAX_TOKEN_LENGTH} characters")
        try:
            # The times are checked below, by this process's own clock.
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[ALGORITHM],
                audience=self._audience,
                issuer=self._issuer,
                options={
                    "require": self._required,
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidTokenError as error:
            raise errors.BadTicket(f"{type(error).__name__}: {error}") from None
        self._check_times(claims)
        address = claims.get("address")
        if address is not None and not str(address).startswith("https://"):
            raise errors.BadTicket("its host's address is none with TLS")
        return Ticket(
            id=claims["jti"],
            user=claims["sub"],
            transfer=claims["transfer"],
            host=claims["host"],
            ticket=claims["ticket"],
            ops=tuple(claims["ops"]),
            size=claims["size"],
            expires=claims["exp"],
            address=address,
        )

    def _check_times(self, claims: dict) -> None:
        time_now = self.clock()
        if not all(isinstance(claims[name], int | float) for name in ("iat", "nbf", "exp")):
            raise errors.BadTicket("its times are not numbers")
        if claims["exp"] + self.skew <= time_now:
            raise errors.BadTicket(f"it expired {time_now - claims['exp']:.0f} s ago")
        if claims["nbf"] - self.skew > time_now or claims["iat"] - self.skew > time_now:
            raise errors.BadTicket("it is not valid yet: is a clock wrong?")
        if claims["iat"] < self._started_at:
            raise errors.BadTicket("it was issued before this process started")
