"""The real command `imaged` as a process, and certificates for it."""

import datetime
import ipaddress
import os
import pathlib
import signal
import subprocess
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PATIENCE = 20


class Imaged:
    """Starts the command with `words`, its standard input a pipe of ours, after the Python in `first`. Use as a context manager."""

    def __init__(self, *words, environ=None, supervised=False, first=None):
        program = ["-c", f"{first}from imaged.cli import main; main()"] if first else ["-m", "imaged"]
        command = [sys.executable, *program, *map(str, words), *(["--supervised"] if supervised else [])]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env={**os.environ, **(environ or {})}, text=True)
        self.log = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()
        self.process.wait()

    def ready(self):
        """Waits until it serves."""
        for line in self.process.stderr:
            self.log += line
            if " ready: " in line:
                return self
        raise AssertionError(f"imaged ended with {self.process.wait()}: {self.log}")

    @property
    def ports(self):
        """The TCP ports, in the order of control and images."""
        line = next(line for line in self.log.splitlines() if " ready: " in line)
        return [int(place.rpartition(":")[2]) for place in line.partition(" ready: ")[2].split(", ") if not place.startswith("/")]

    def end(self):
        """Waits for its end; returns the exit status. What it wrote is in `log`."""
        self.process.stdin.close()
        self.log += self.process.stderr.read()
        return self.process.wait(PATIENCE)

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.end()


class Authority:
    """Signs certificates for tests, into PEM files below `directory`."""

    def __init__(self, directory: pathlib.Path, name: str = "authority"):
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.path = directory / f"{name}.pem"
        constraints = (x509.BasicConstraints(ca=True, path_length=None), True)
        usage = (x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)
        self.path.write_bytes(self._sign(self._name, self._key.public_key(), [constraints, usage]).public_bytes(serialization.Encoding.PEM))

    def certify(self, name: str) -> tuple[pathlib.Path, pathlib.Path]:
        """Certificate and key for 127.0.0.1."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        certificate, private = self._directory / f"{name}.pem", self._directory / f"{name}.key"
        certificate.write_bytes(self._sign(subject, key.public_key(), [(names, False)]).public_bytes(serialization.Encoding.PEM))
        form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        private.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
        return certificate, private

    def _sign(self, subject, public_key, extensions):
        now = datetime.datetime.now(datetime.UTC)
        day = datetime.timedelta(days=1)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = x509.CertificateBuilder(self._name, subject, public_key, x509.random_serial_number(), now - day, now + day)
        for extension, critical in [*extensions, (x509.SubjectKeyIdentifier.from_public_key(public_key), False), (identifier, False)]:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self._key, hashes.SHA256())
