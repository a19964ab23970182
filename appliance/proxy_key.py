"""What a proxy knows of its appliance: one file, made there and copied to the proxy.

Lines of text (the appliance's id, the proxy's URL), then PEM: the public key of signed tickets, the proxy's own key and certificate, and
the authority that hosts are trusted by.
"""

import dataclasses
import datetime
import pathlib
import re
import ssl
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from appliance import certificates, errors, values
from imaged.httpd import tls

#: Such a file has about 3 KiB.
MAX_BYTES = 64 << 10


class BadKey(Exception):
    """Why a file is no proxy's key, or cannot be used: a clause."""


@dataclasses.dataclass(frozen=True)
class Key:
    """`installation` is who issues tickets, `url` for whom, `authority` (PEM) who vouches for hosts, `expires_at` the certificate's end."""

    installation: str
    url: str
    tickets: ed25519.Ed25519PublicKey
    authority: str
    expires_at: datetime.datetime
    server: ssl.SSLContext

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def hosts(self) -> ssl.SSLContext:
        """For connections to hosts: chain and name are checked."""
        return tls.client_context(cadata=self.authority)


def make(state_dir: pathlib.Path, url: str, names: Sequence[str], now: datetime.datetime) -> str:
    """The file for a new proxy at `url`, which is also known by the other `names`; each call makes another key.

    Raises errors.Invalid, and errors.BadState where there is no appliance.
    """
    url = _origin(url)
    host = url.removeprefix("https://").rpartition(":")[0].strip("[]")
    try:
        installation = (state_dir / "keys" / "installation").read_text("ascii").strip()
        signing = serialization.load_pem_private_key((state_dir / "keys" / "tickets.pem").read_bytes(), None)
        ca, ca_key = certificates.authority(state_dir / "ca")
        key, certificate = certificates.proxy(ca, ca_key, [host, *names], now)
    except certificates.BadName as error:
        raise errors.Invalid(field="name", reason=f"no certificate can be made for {error}") from None
    except OSError as error:
        raise errors.BadState(reason=f"{error.filename}: {error.strerror}") from None
    except ValueError as error:
        raise errors.BadState(reason=str(error)) from None
    public = signing.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    parts = [public, key, *(part.public_bytes(serialization.Encoding.PEM) for part in (certificate, ca))]
    head = ["A proxy of an image upload appliance. There is a private key in it.", f"Appliance: {installation}", f"Proxy: {url}", "", ""]
    return "\n".join(head) + b"".join(parts).decode("ascii")


def read(path: pathlib.Path) -> Key:
    """The file's content. Raises BadKey."""
    try:
        if path.stat().st_mode & 0o007:
            raise BadKey(f"everybody may use it: `chmod o= {path}`")
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES)
        text = data.decode("ascii")
        authorities = [one for one in x509.load_pem_x509_certificates(data) if _vouches(one)]
        own = x509.load_pem_x509_certificate(data)
        public = serialization.load_pem_public_key(_block(text, "PUBLIC KEY"))
        # The certificate is the first one that it finds there, and the key the only one.
        server = tls.server_context(str(path), str(path))
        installation, url = _line(text, "Appliance"), values.origin(_line(text, "Proxy"))
    except ssl.SSLError:
        raise BadKey("there is no certificate in it, with its key") from None
    except OSError as error:
        raise BadKey(str(error.strerror)) from None
    except (ValueError, x509.ExtensionNotFound):
        raise BadKey("it is not what `image-appliance proxy-key` prints, or not all of it") from None
    if not authorities or not isinstance(public, ed25519.Ed25519PublicKey):
        raise BadKey("it is not what `image-appliance proxy-key` prints, or not all of it")
    authority = "".join(one.public_bytes(serialization.Encoding.PEM).decode("ascii") for one in authorities)
    return Key(installation, url, public, authority, own.not_valid_after_utc, server)


def _origin(url: str) -> str:
    try:
        return values.origin(url)
    except ValueError:
        raise errors.Invalid(field="URL", reason="it must be https://NAME:PORT, where clients and the appliance reach the proxy") from None


def _vouches(certificate: x509.Certificate) -> bool:
    return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def _block(text: str, label: str) -> bytes:
    match = re.search(rf"-----BEGIN {label}-----\n.*?-----END {label}-----\n", text, re.DOTALL)
    if not match:
        raise ValueError(f"no {label.lower()} in it")
    return match[0].encode()


def _line(text: str, name: str) -> str:
    match = re.search(rf"^{name}: (\S+)$", text, re.MULTILINE)
    if not match:
        raise ValueError(f"no line {name!r} in it")
    return match[1]
