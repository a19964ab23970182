"""The installation's own authority, and what it signs: certificates of the server, of the appliance as a client, of hosts and of proxies.

Browsers trust the authority once; what it signs may change.
"""

import datetime
import ipaddress
import pathlib
import socket
from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from appliance import files

AUTHORITY_LIFETIME = datetime.timedelta(days=3650)
# Apple's browsers refuse a server's certificate that is valid for more than 825 days, whoever signed it.
SERVER_LIFETIME = datetime.timedelta(days=820)
RENEW_BEFORE = datetime.timedelta(days=60)
# A client whose clock is behind must not find a certificate of the future.
CLOCK_ROOM = datetime.timedelta(days=1)

MAX_COMMON_NAME = 64


class BadName(Exception):
    """A name that no certificate can be made for."""


def authority(directory: pathlib.Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """The authority in `directory` (`ca.pem`, `ca.key`), made if it is not there. Raises OSError, ValueError (what is there is broken).

    The key is written first: a certificate that is there has its key, and one that is missing has signed nothing yet.
    """
    certificate_file, key_file = directory / "ca.pem", directory / "ca.key"
    if not certificate_file.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        files.write(key_file, _key_pem(key))
        files.write(certificate_file, _make_authority(key).public_bytes(serialization.Encoding.PEM))
    certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
    key = _load_key(key_file)
    if key.public_key() != certificate.public_key():
        raise ValueError(f"{key_file} is not the key of {certificate_file}")
    return certificate, key


def server(
    directory: pathlib.Path, ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey, names: Sequence[str], now: datetime.datetime
) -> x509.Certificate:
    """The server's certificate in `directory` (`server.pem`, `server.key`), made anew when it does not fit or is about to expire.

    `names` are host names and addresses, `now` is aware. The key is kept, so that key and certificate fit at every instant.
    Raises OSError, ValueError, BadName.
    """
    wanted = x509.SubjectAlternativeName([_general_name(name) for name in names])
    return _kept(directory, "server", ca, ca_key, names[0], wanted, ExtendedKeyUsageOID.SERVER_AUTH, now)


def client(
    directory: pathlib.Path, ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey, name: str, now: datetime.datetime
) -> x509.Certificate:
    """The certificate (`client.pem`, `client.key`) that the appliance shows to its hosts, kept and renewed as the `server`'s.

    `name` is its common name, by which hosts know it. Raises OSError, ValueError.
    """
    return _kept(directory, "client", ca, ca_key, name, None, ExtendedKeyUsageOID.CLIENT_AUTH, now)


def host(
    request: bytes, address: str, ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey, now: datetime.datetime, lifetime: float
) -> x509.Certificate:
    """A host's certificate for the key of its `request` (a CSR, PEM), valid for `lifetime` seconds: a server's, for `address` alone.

    Of the request nothing but the key counts: a host does not choose its name. Raises ValueError (it is none), BadName.
    """
    asked = x509.load_pem_x509_csr(request)
    key = asked.public_key()
    if not asked.is_signature_valid or not isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey):
        raise ValueError("the request's signature is not that of its key")
    names = x509.SubjectAlternativeName([_general_name(address)])
    until = now + datetime.timedelta(seconds=lifetime)
    return _make(key, ca, ca_key, address, names, ExtendedKeyUsageOID.SERVER_AUTH, now, until)


def proxy(
    ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey, names: Sequence[str], now: datetime.datetime
) -> tuple[bytes, x509.Certificate]:
    """A new key (PEM) and its certificate for a proxy: a server's, for `names`. Raises BadName."""
    key = ec.generate_private_key(ec.SECP256R1())
    wanted = x509.SubjectAlternativeName([_general_name(name) for name in names])
    purpose = ExtendedKeyUsageOID.SERVER_AUTH
    return _key_pem(key), _make(key.public_key(), ca, ca_key, names[0], wanted, purpose, now, now + SERVER_LIFETIME)


def local_names(wanted: Sequence[str], listening: str) -> list[str]:
    """Every name that this server is reached by: the `wanted` ones first, this machine's own, and those of the loopback interface."""
    own = socket.gethostname()
    address = [] if listening in ("0.0.0.0", "::") else [listening]
    names = [*wanted, *([own] if own.isascii() and own else []), *address, "localhost", "127.0.0.1", "::1"]
    return list(dict.fromkeys(names))


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256, as browsers show it: AB:CD:…"""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def _kept(directory, stem, ca, ca_key, name, names, purpose, now) -> x509.Certificate:
    certificate_file, key_file = directory / f"{stem}.pem", directory / f"{stem}.key"
    if not key_file.exists():
        files.write(key_file, _key_pem(ec.generate_private_key(ec.SECP256R1())))
    key = _load_key(key_file)
    if certificate_file.exists():
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        if _fits(certificate, ca, key, name, names, now):
            return certificate
    certificate = _make(key.public_key(), ca, ca_key, name, names, purpose, now, now + SERVER_LIFETIME)
    # With the authority behind it, so that clients which trust that one by its fingerprint can see it.
    files.write(certificate_file, b"".join(part.public_bytes(serialization.Encoding.PEM) for part in (certificate, ca)))
    return certificate


def _fits(certificate, ca, key, name, names, now) -> bool:
    try:
        certificate.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature):
        return False
    if names is None:
        named = certificate.subject == _name(name)
    else:
        named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value == names
    return named and certificate.public_key() == key.public_key() and certificate.not_valid_after_utc - now > RENEW_BEFORE


def _make_authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    # The serial number makes two installations' authorities two for a browser that knows both.
    number = x509.random_serial_number()
    name = _name(f"Image Upload Appliance {number % 0xFFFFFF:06x}")
    now = datetime.datetime.now(datetime.UTC)
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder(name, name, key.public_key(), number, now - CLOCK_ROOM, now + AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _make(public_key, ca, ca_key, name, names, purpose, now, until) -> x509.Certificate:
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    until = min(until, ca.not_valid_after_utc)
    builder = (
        x509.CertificateBuilder(ca.subject, _name(name), public_key, x509.random_serial_number(), now - CLOCK_ROOM, until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
    )
    if names is not None:
        builder = builder.add_extension(names, critical=False)
    return builder.sign(ca_key, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:MAX_COMMON_NAME])])


def _general_name(name: str) -> x509.GeneralName:
    """Raises BadName."""
    if not name:
        raise BadName(name)
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        return x509.DNSName(name.encode("idna").decode("ascii"))
    except ValueError:
        raise BadName(name) from None


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _load_key(path: pathlib.Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path} holds a key of another kind")
    return key
