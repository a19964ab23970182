"""TLS: contexts with our rules, and an adapter that leaves the handshake to the worker thread."""

import socket
import ssl
from typing import Any

import cheroot.errors
import cheroot.makefile
import cheroot.ssl


def server_context(certificate: str, key: str, client_ca: str | None = None, client_name: str | None = None) -> ssl.SSLContext:
    """A server's context: TLS 1.2 at least. With `client_ca` (a PEM file) a client must show a certificate that this authority signed.

    With `client_name` that certificate must have it as its common name: an authority may have signed others' too.
    Raises OSError (ssl.SSLError is one) where a file cannot be read or the key is not the certificate's.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["http/1.1"])
    # A body that ends early, or that we interrupt, still gets its answer: otherwise TLS is over with the first end of file that comes
    # without a goodbye. Truncation stays visible, since Content-Length says where the end is.
    context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
    if client_ca:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    if client_name:
        context.sslsocket_class = _socket_for(client_name)
    return context


def _socket_for(client_name: str) -> type[ssl.SSLSocket]:
    class Socket(ssl.SSLSocket):
        """Whose handshake fails where the client is somebody else."""

        def do_handshake(self, block: bool = False) -> None:
            super().do_handshake(block)
            certificate: dict[str, Any] = self.getpeercert() or {}
            subject = certificate.get("subject", ())
            if [value for part in subject for name, value in part if name == "commonName"] != [client_name]:
                raise ssl.SSLCertVerificationError("the client's certificate is another's")

    return Socket


def client_context(
    ca: str | None = None, certificate: str | None = None, key: str | None = None, *, cadata: str | None = None
) -> ssl.SSLContext:
    """A client's context: chain and host name are checked against `ca` (a PEM file) or `cadata` (PEM); without both the system's.

    `certificate` is shown to a server that asks for one. Raises OSError where a file cannot be read.
    """
    context = ssl.create_default_context(cafile=ca, cadata=cadata)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate:
        context.load_cert_chain(certificate, key)
    return context


class Adapter(cheroot.ssl.Adapter):
    """Wraps accepted sockets without a handshake: `Connection.communicate` does that, in a worker.

    cheroot's own adapter shakes hands in the accepting thread, where one silent client keeps everybody waiting.
    """

    def __init__(self, context: ssl.SSLContext):
        self.context = context

    def bind(self, sock: socket.socket) -> socket.socket:
        return sock

    def wrap(self, sock: socket.socket) -> tuple[ssl.SSLSocket, dict[str, Any]]:
        try:
            return self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False), self.get_environ()
        except OSError as error:
            # Gone before we looked: cheroot takes this one calmly.
            raise cheroot.errors.FatalSSLAlert(*error.args) from error

    def get_environ(self) -> dict[str, Any]:
        return {"wsgi.url_scheme": "https", "HTTPS": "on"}

    def makefile(self, sock: socket.socket, mode: str = "r", bufsize: int = -1) -> Any:
        return cheroot.makefile.MakeFile(sock, mode, bufsize)


def speaks_http(error: ssl.SSLError) -> bool:
    """Did the handshake fail because the client sent plain HTTP?"""
    return error.reason == "HTTP_REQUEST"
