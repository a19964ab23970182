"""Static files. They are read once, at the start: what is sent is what belongs to this version, and no path of a request meets the disk."""

import dataclasses
import gzip
import hashlib
import mimetypes
import pathlib

import webob

from appliance import errors
from appliance.web import answers

PREFIX = "/static/"

#: Not the system's own table: what a browser is told must not depend on the machine.
TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}

FOREVER = "public, max-age=31536000, immutable"


@dataclasses.dataclass(frozen=True)
class Asset:
    """`packed` is the body in gzip, made once at the start, where that makes it smaller."""

    body: bytes
    content_type: str
    packed: bytes | None

    def suited(self, request: webob.Request) -> answers.Answer:
        """The answer in the form that the browser takes: text travels packed, a page weighs a third of it."""
        headers = {"Content-Type": self.content_type}
        if self.packed is not None and request.accept_encoding.acceptable_offers(["gzip"]) and "Accept-Encoding" in request.headers:
            return answers.Answer(200, self.packed, {**headers, "Content-Encoding": "gzip"})
        return answers.Answer(200, self.body, headers)


class Assets:
    """All files below `directory`.

    They are served as `/static/HASH/path`, to be kept for ever, where HASH stands for the whole tree: a module's relative imports
    then stay inside one version. Under `/static/path`, or the HASH of another version, a browser asks each time.
    """

    def __init__(self, directory: pathlib.Path):
        self._assets = {
            path.relative_to(directory).as_posix(): load(path.read_bytes(), content_type(path.name))
            for path in sorted(directory.rglob("*"))
            if path.is_file()
        }
        digest = hashlib.sha256()
        for name, asset in self._assets.items():
            digest.update(f"{name}\0{len(asset.body)}\0".encode() + asset.body)
        self.version = digest.hexdigest()[:16]

    def url(self, path: str) -> str:
        """Where a page finds `path`, for ever. Raises KeyError for a file that is not there: a page must not point into the void."""
        self._assets[path]
        return f"{PREFIX}{self.version}/{path}"

    def answer(self, request: webob.Request, path: str) -> answers.Answer:
        """The answer to a request for `path` below /static/. Raises NotFound, MethodNotAllowed."""
        if request.method not in ("GET", "HEAD"):
            raise errors.MethodNotAllowed(method=request.method, allowed="GET, HEAD")
        version, _, rest = path.partition("/")
        asset = self._assets.get(path)
        if asset is None and len(version) == len(self.version):
            asset = self._assets.get(rest)
        if asset is None:
            raise errors.NotFound(what="file")
        answer = answers.revalidated(asset.suited(request), request)
        answer.headers["Vary"] = "Accept-Encoding"
        if version == self.version:
            answer.headers["Cache-Control"] = FOREVER
        return answer


def load(body: bytes, kind: str) -> Asset:
    # mtime=0: the same content is the same bytes, and keeps its ETag over restarts.
    packed = gzip.compress(body, mtime=0)
    return Asset(body, kind, packed if len(packed) < len(body) else None)


def content_type(name: str) -> str:
    suffix = pathlib.PurePosixPath(name).suffix.lower()
    return TYPES.get(suffix) or mimetypes.types_map.get(suffix, "application/octet-stream")
