"""One volume, as its files are now."""

import os
from dataclasses import dataclass
from urllib.parse import quote

from imaged import journal
from imaged.volumes import errors, files, formats, qcow2
from imaged.volumes.domains import Domain
from imaged.volumes.domains import check_name as check_plain_name


@dataclass(frozen=True)
class Volume:
    """A volume as it is now. `size` and `allocated` (the file's) in bytes, `durable` as half-open ranges of bytes.

    `format` is how a guest's disk lies in it, by its name; `virtual_size` the bytes of that disk, None of a qcow2 without a header,
    and of a foreign format (formats.FOREIGN): that is only converted.
    """

    domain: str
    name: str
    state: str  # partial or complete
    size: int
    allocated: int
    path: str
    durable: list[list[int]]
    format: str
    virtual_size: int | None

    def as_json(self) -> dict:
        return {**vars(self), "url": "file://" + quote(self.path)}


def get(domain: Domain, directory: int, name: str) -> Volume:
    """The volume in the domain's open directory. Raises NoVolume, NotAFile."""
    partial, found = files.look(directory, files.PARTIAL + name), files.look(directory, name)
    state, file_name = "complete", name
    if partial is not None and (found is None or not os.path.samestat(partial, found)):
        state, file_name, found = "partial", files.PARTIAL + name, partial
    if found is None:
        raise missing(domain, name)
    path, size, format = str(domain.path / file_name), found.st_size, disk_format(name)
    # A complete one has a journal while it is written anew in its place.
    written = state == "partial" or files.look(directory, name + journal.SUFFIX) is not None
    durable = journal.read(path, size).as_lists() if written else [[0, size]] if size else []
    virtual_size = size if format == "raw" else _virtual_size(directory, file_name) if format == "qcow2" else None
    return Volume(domain.id, name, state, size, found.st_blocks * 512, path, durable, format, virtual_size)


def look(domain: Domain, directory: int, name: str) -> Volume | None:
    """The same, or None where there is none, or what is there is no volume."""
    try:
        return get(domain, directory, check_name(name))
    except (errors.InvalidName, errors.NoVolume, errors.NotAFile):
        return None


def check_name(name: str) -> str:
    """Raises InvalidName."""
    # The partial file of such a volume would be the journal of another.
    if journal.SUFFIX in name:
        raise errors.InvalidName(f"{name[:140]!r} cannot name a volume: {journal.SUFFIX!r} is kept for journals")
    return check_plain_name(name, "volume")


def disk_format(name: str) -> str:
    """How a guest's disk lies in the volume: what its name says, and never what its bytes look like, for those may be a guest's."""
    suffix = name.rpartition(".")[2]
    return suffix if suffix in ("qcow2", *formats.FOREIGN) else "raw"


def missing(domain: Domain, name: str) -> errors.NoVolume:
    return errors.NoVolume(f"There is no volume {name!r} in storage domain {domain.name!r}")


def _virtual_size(directory: int, file_name: str) -> int | None:
    file = files.open_(directory, file_name)
    if file is None:
        return None  # deleted meanwhile
    try:
        return qcow2.virtual_size(file)
    finally:
        os.close(file)
