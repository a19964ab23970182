"""What is at a source before anything of it is stored: the file as the source describes it, what is in it, and its checksum."""

import dataclasses

from appliance import errors
from appliance.transfer import sources, unpack
from appliance.transfer.sources import checksums, guard

#: What images begin with, at which byte; all else is a raw disk.
_MAGIC = (
    (0, b"QFI\xfb", "qcow2"),
    (0x8001, b"CD001", "iso"),
    (0, b"KDMV", "vmdk"),
    (0, b"COWD", "vmdk"),
    (0, b"# Disk DescriptorFile", "vmdk"),
    (0, b"vhdxfile", "vhdx"),
    (0, b"conectix", "vhd"),
    (0x40, b"\x7f\x10\xda\xbe", "vdi"),
)
#: Bytes of an image by which its format is known.
SNIFFED = 0x8006

#: What the name of a packed file's image is without.
_SUFFIXES = (".gz", ".gzip", ".bz2", ".bzip2", ".xz", ".zst", ".zstd")


@dataclasses.dataclass(frozen=True)
class Sight:
    """A file at its source. `name` is what the image in it may be called, `format` that image's.

    `unpacked_size` is what the file says of itself, None if it does not; `exact`: it can be relied upon.
    """

    facts: sources.Facts
    name: str
    compression: str | None
    format: str
    unpacked_size: int | None
    exact: bool
    checksum: str | None

    @property
    def size(self) -> int | None:
        """Bytes of the image, where they are known for sure."""
        if self.compression is None:
            return self.facts.size
        return self.unpacked_size if self.exact else None


class Looking:
    """One look at the file at `url`. Raises as `sources.open`."""

    def __init__(self, url: str, policy: guard.Policy, credentials: sources.Credentials | None = None):
        self._words = url, policy, credentials
        self._source = sources.open(*self._words)
        self._validator: str | None = None

    def interrupt(self) -> None:
        """From any thread: `look` raises Interrupted soon."""
        self._source.interrupt()

    def look(self, *, find_checksum: bool = False) -> Sight:
        """What is there, and what it is unpacked. `find_checksum`: its SHA-256 is looked for beside it.

        Raises errors of ours (of sources, SourceEmpty, UnknownCompression, Archive…, NoChecksum), Interrupted.
        """
        facts = self._source.look()
        if facts.size == 0:
            raise errors.SourceEmpty(host=self._source.host, name=facts.name)
        self._validator = facts.validator
        kind = unpack.kind(facts.head, facts.name)
        head = beginning(kind, facts) if kind else facts.head
        size = unpack.unpacked_size(kind, facts.head, facts.size, self._part) if kind else facts.size
        # zstd tells of its first frame alone, and there may be more.
        exact = kind != "zstd" and size is not None
        checksum = checksums.beside(sources.open(*self._words)) if find_checksum else None
        return Sight(facts, _plain(facts.name, kind), kind, format_of(head), size, exact, checksum)

    def _part(self, start: int, end: int) -> bytes:
        """Of the file; nothing where the source gives no parts."""
        with sources.open(*self._words).reading(start, self._validator) as stream:
            return sources.beginning(stream, end - start) if stream.start == start else b""


def beginning(kind: str, facts: sources.Facts) -> bytes:
    """Of what is in the packed file. Raises Archive…"""
    left = [facts.head]
    unpacker = unpack.Unpacker(kind, lambda most: left.pop() if left else b"", limit=unpack.MEMORY, name=facts.name)
    found = b""
    try:
        while len(found) < SNIFFED and (data := unpacker.read(SNIFFED - len(found))):
            found += data
    except errors.ArchiveTruncated:
        # Only the beginning was fetched, unless that is all.
        if facts.size == len(facts.head):
            raise
    return found


def format_of(head: bytes) -> str:
    """What an image that begins like this is. It is taken at its word only to be verified on the host."""
    for start, magic, format in _MAGIC:
        if head.startswith(magic, start):
            return format
    return "raw"


def _plain(name: str, kind: str | None) -> str:
    stem, dot, suffix = name.rpartition(".")
    return stem if kind and stem and dot + suffix.lower() in _SUFFIXES else name
