"""/services/pki-resource: the certificate of our authority, where scripts for oVirt fetch it."""

import pathlib
import urllib.parse

import webob

from appliance import errors
from appliance.web import answers
from appliance.web.ovirt.paths import ENGINE

PATH = f"{ENGINE}/services/pki-resource"

FORMATS = ("X509-PEM", "X509-PEM-CA")


class Pki:
    """`ca` is the certificate's file."""

    def __init__(self, ca: pathlib.Path):
        self._ca = ca

    def answer(self, request: webob.Request) -> answers.Answer:
        """The certificate, for everybody: who is to trust it cannot log in before. Raises MethodNotAllowed, Invalid, NotFound."""
        if request.method not in ("GET", "HEAD"):
            raise errors.MethodNotAllowed(method=request.method, allowed="GET, HEAD")
        asked = dict(urllib.parse.parse_qsl(request.query_string, errors="replace", max_num_fields=50))
        if asked.get("resource") != "ca-certificate":
            raise errors.Invalid(field="resource", reason="it must be ca-certificate")
        if asked.get("format", FORMATS[0]) not in FORMATS:
            raise errors.Invalid(field="format", reason=f"it must be one of {', '.join(FORMATS)}")
        try:
            body = self._ca.read_bytes()
        except FileNotFoundError:
            raise errors.NotFound(what="certificate") from None
        return answers.Answer(200, body, {"Content-Type": "application/x-x509-ca-cert"})
