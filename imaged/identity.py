"""Who this host is: its key, which never leaves it, and the certificate that the appliance's authority gave for it. Both in one file.

One file, because key and certificate belong together at every instant, and a rename replaces one file, not two.
"""

import threading
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from imaged import errors, files


class Identity:
    """The identity in `file` (PEM), which can be given a new certificate while the daemon runs. Thread-safe."""

    def __init__(self, file: Path):
        self._file = file
        self._lock = threading.Lock()
        self._pending: ec.EllipticCurvePrivateKey | None = None

    def request(self) -> str:
        """A request (CSR, PEM) for a certificate of a new key, which is kept until `install`."""
        key = new_key()
        with self._lock:
            self._pending = key
        return request_for(key)

    def install(self, certificate: str) -> None:
        """Takes the certificate (PEM, with the authority's behind it) for the last request. Raises BadRequest, Conflict."""
        try:
            given = x509.load_pem_x509_certificates(certificate.encode("ascii"))[0]
        except (ValueError, IndexError):
            raise errors.BadRequest("'certificate' is no certificate in PEM") from None
        with self._lock:
            key = self._pending
            if key is None or given.public_key() != key.public_key():
                raise errors.Conflict("The certificate is not for the key that was requested last: request one anew")
            try:
                files.write(self._file, key_pem(key) + certificate.encode("ascii"))
            except OSError as error:
                raise errors.storage(error) from None
            self._pending = None


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def request_for(key: ec.EllipticCurvePrivateKey) -> str:
    """The CSR of the key. It names nobody: who the host is, the authority knows."""
    builder = x509.CertificateSigningRequestBuilder(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode("ascii")
