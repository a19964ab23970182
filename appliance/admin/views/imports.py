"""Sources of imports."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class NewSource:
    """A file somewhere else, and what opens it: a user and a password, or a bearer token. None of these is ever shown.

    `find_checksum`: its SHA-256 is looked for beside it.
    """

    url: str = field(repr=False)
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    bearer: str = field(default="", repr=False)
    find_checksum: bool = False


@dataclass(frozen=True)
class Found:
    """A file at its source, as it is now. `url` can be shown; `name` is what an image of it may be called.

    `size` and `unpacked_size` are None where nothing tells. `format` is the image's, `compression` what is around it. `resumable`: an
    import that breaks off goes on where it was. `checksum` (SHA-256 in hex) is that of the file, where it was asked for.
    """

    url: str
    name: str
    size: int | None
    content_type: str
    resumable: bool
    compression: str | None
    unpacked_size: int | None
    format: str
    checksum: str | None


@dataclass(frozen=True, kw_only=True)
class NewImport(NewSource):
    """An import that somebody asks for. `domain`, `host` and `allocation` as for an upload.

    `name` and `format`: None for what they are at the source; a disk of another `format` is converted, `compressed` if it is to be.
    `source_format` is what it must be there, if that is known. `checksum` is that of the file as it is there, packed or not. It
    begins when it is `not_before` (None: now), and a place is free. `image_id` is the id that the image is to have, `tags` and `properties`
    what it is to be given; `digests` of the image that are wanted beside its SHA-256, by hashlib's names.
    """

    domain: str
    name: str | None = None
    format: str | None = None
    source_format: str | None = None
    compressed: bool = False
    allocation: str = "sparse"
    checksum: str | None = None
    not_before: datetime.datetime | None = None
    host: str | None = None
    image_id: str | None = None
    digests: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class NamedStep:
    """A step that is installed. `streams`: done while the bytes come; `usual`: done where nobody has chosen; `about`: what it does."""

    name: str
    streams: bool
    usual: bool
    about: str


@dataclass(frozen=True)
class Methods:
    """What can be imported: schemes of URLs, what is unpacked, formats at the source, what these can be converted to, the steps."""

    schemes: tuple[str, ...]
    compressions: tuple[str, ...]
    formats: tuple[str, ...]
    targets: tuple[str, ...]
    steps: tuple[NamedStep, ...]
