"""The SHA-256 that a file should have: given by a person, or found beside it, as sha256sum (GNU), sha256 (BSD) or openssl write them."""

import re
import urllib.parse
from collections.abc import Iterator

from appliance import errors
from appliance.transfer import sources

#: Bytes of a file of checksums that are read.
MAX_BYTES = 1 << 20
#: Seconds that reading one may take.
SECONDS = 60.0
#: Files of checksums for a whole folder.
OF_FOLDERS = ("SHA256SUMS", "SHA256SUM", "CHECKSUM", "CHECKSUMS", "sha256sum.txt")
#: What a file's own has behind its name.
OF_FILES = (".sha256", ".sha256sum", ".SHA256SUM")

_HEX = re.compile(r"[0-9a-fA-F]{64}")
_GNU = re.compile(r"\\?([0-9a-fA-F]{64})(?: [ *]|\t)(.+)")
_BSD = re.compile(r"SHA2?-?256 ?\((.+)\) ?= ?([0-9a-fA-F]{64})")

#: What a checksum's file fails with if it is simply not there; everything else is told.
_NOT_THERE = (errors.SourceMissing, errors.SourceForbidden, errors.NotAnImage)


def given(text: str) -> str:
    """The SHA-256 (hex, in lower case) that a person wrote: alone, as `sha256:…`, or as a line of either form. Raises BadChecksum."""
    text = text.strip()
    bare = re.sub(r"^sha-?256[:=]\s*", "", text, flags=re.IGNORECASE)
    if _HEX.fullmatch(bare):
        return bare.lower()
    if lines := list(_lines(text)):
        return lines[0][0]
    if re.fullmatch(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{96}|[0-9a-fA-F]{128}", bare):
        raise errors.BadChecksum(reason=f"it has {len(bare)} digits, as other digests have")
    raise errors.BadChecksum(reason="it does not have 64 digits 0-9 and a-f")


def beside(source: sources.Source, name: str | None = None) -> str:
    """The SHA-256 of `source` from a file in the same place; `name` if it has another one there. Raises NoChecksum, and as reading does."""
    name = name or source.name
    for candidate in (*(name + suffix for suffix in OF_FILES), *OF_FOLDERS):
        try:
            text = _read(source.beside(candidate))
        except _NOT_THERE:
            continue
        if found := find(text, name, own=candidate not in OF_FOLDERS):
            return found
    raise errors.NoChecksum(name=name, host=source.host)


def find(text: str, name: str, *, own: bool = False) -> str | None:
    """The SHA-256 that a file of checksums has for `name`; `own`: the file is about that one alone, and may be nothing but digits."""
    for digest, named in _lines(text):
        if urllib.parse.unquote(named).rpartition("/")[2] == name or named.rpartition("/")[2] == name:
            return digest
    return text.strip().lower() if own and _HEX.fullmatch(text.strip()) else None


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """`(digest, name)` of each line that is one of a checksum; others, of signatures for example, are left out."""
    for line in text.splitlines():
        line = line.strip()
        if match := _GNU.fullmatch(line):
            yield match[1].lower(), _plain(match[2]) if line.startswith("\\") else match[2]
        elif match := _BSD.fullmatch(line):
            yield match[2].lower(), match[1]


def _plain(name: str) -> str:
    """GNU's sums write a line break and a backslash in a name as two characters."""
    return re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], name)


def _read(source: sources.Source) -> str:
    with sources.within(source, SECONDS), source.reading() as stream:
        return sources.beginning(stream, MAX_BYTES).decode("utf-8-sig", "replace")
