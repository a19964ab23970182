"""May this upload be started? Everything about a request that can be said before a byte is stored."""

import re
from collections.abc import Sequence

from sqlalchemy import orm

from appliance import errors
from appliance.admin import models, names, views

FORMATS = {"iso": ".iso", "qcow2": ".qcow2", "raw": ".img"}
ALLOCATIONS = ("sparse", "preallocated")
CLIENTS = ("browser", "api", "glance")

#: A browser hashes head, tail and a few samples. What it is asked for when it resumes (these, and the server's own samples) must fit too.
MAX_RECORDED = 48
MAX_PIECES = 64
MAX_PIECE = 1 << 20

#: Characters of a correlation id, and of the name that a download is saved as.
MAX_WORDS = 255

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


def checked(request: views.NewTransfer, max_size: int) -> views.NewTransfer:
    """The request with name and digests in their normal form. Takes anything with these attributes.

    Raises errors.BadName, errors.Invalid (the field says which).
    """
    name = names.check(request.name)
    if not 1 <= request.size <= max_size:
        reason = "an empty file is no image" if request.size == 0 else f"it must be from 1 to {max_size} bytes"
        raise errors.Invalid(field="size", reason=reason)
    one_of("format", request.format, tuple(FORMATS))
    one_of("allocation", request.allocation, ALLOCATIONS)
    one_of("client", request.client, CLIENTS)
    if request.initial_size is not None and not 0 <= request.initial_size <= request.size:
        raise errors.Invalid(field="initial_size", reason=f"it must be from 0 to the size, {request.size} bytes")
    fingerprint = request.fingerprint
    if fingerprint is not None:
        fingerprint = views.Fingerprint(fingerprint.modified, pieces(fingerprint.pieces, request.size, "fingerprint", MAX_RECORDED))
    return views.NewTransfer(
        name=name,
        size=request.size,
        format=request.format,
        domain=request.domain,
        allocation=request.allocation,
        initial_size=request.initial_size,
        sha256=None if request.sha256 is None else sha256(request.sha256, "sha256"),
        fingerprint=fingerprint,
        client=request.client,
        host=getattr(request, "host", None),
        image_id=getattr(request, "image_id", None),
        copy_of=getattr(request, "copy_of", None),
    )


def one_of(field: str, value: str, allowed: Sequence[str]) -> None:
    """Raises errors.Invalid."""
    if value not in allowed:
        raise errors.Invalid(field=field, reason=f"it must be one of {', '.join(allowed)}")


def correlation(text: str | None) -> None:
    """A correlation id is short and can be shown. Raises errors.Invalid."""
    if text is not None and not (0 < len(text) <= MAX_WORDS and text.isprintable()):
        raise errors.Invalid(field="correlation_id", reason=f"it must be 1 to {MAX_WORDS} printable characters")


def sha256(text: str, field: str) -> str:
    """The digest in lower case. Raises errors.Invalid."""
    digest = text.strip().lower()
    if not _SHA256.fullmatch(digest):
        raise errors.Invalid(field=field, reason="a SHA-256 has 64 hexadecimal digits")
    return digest


def pieces(given: Sequence, size: int, field: str, limit: int = MAX_PIECES) -> tuple[views.Piece, ...]:
    """Pieces of a file of `size` bytes, in order. Takes anything with start, end and sha256. Raises errors.Invalid."""
    if len(given) > limit:
        raise errors.Invalid(field=field, reason=f"at most {limit} pieces are taken")
    for piece in given:
        if not 0 <= piece.start < piece.end <= size:
            raise errors.Invalid(field=field, reason=f"the piece {piece.start} to {piece.end} does not lie within the file's {size} bytes")
        if piece.end - piece.start > MAX_PIECE:
            raise errors.Invalid(field=field, reason=f"a piece may have at most {MAX_PIECE} bytes")
    normal = (views.Piece(piece.start, piece.end, sha256(piece.sha256, field)) for piece in given)
    return tuple(sorted(normal, key=lambda piece: piece.start))


def file_format(volume: str) -> str:
    """The format (raw, qcow2 or iso) of a volume's file: what its name says."""
    return next(format for format, suffix in FORMATS.items() if volume.endswith(suffix))


def suits(domain: models.Domain, format: str) -> None:
    """A domain for ISOs takes nothing else: machines look there for installation media. Raises errors.WrongDomain."""
    if domain.kind == "iso" and format != "iso":
        raise errors.WrongDomain(domain=domain.name, format=format)


def name_free(session: orm.Session, domain: models.Domain, name: str) -> None:
    """Nothing good or growing has the name. Raises errors.NameTaken; the table's constraint decides between two at once."""
    taken = session.query(models.Image.id).where(models.Image.domain_id == domain.id, models.Image.claim == name).first()
    if taken:
        raise errors.NameTaken(domain=domain.name, name=name)


def needed(upload: views.NewTransfer | models.Transfer) -> int:
    """Bytes that the domain must have room for."""
    partly = upload.allocation == "sparse" and upload.initial_size is not None
    return upload.initial_size or 0 if partly else upload.size


def fits(domain: models.Domain, available: int, request: views.NewTransfer) -> None:
    """The domain can take it, with what running uploads will still need set aside. Raises errors.NoSpace."""
    if needed(request) > available:
        raise no_space(domain, available, request)


def no_space(domain: models.Domain, available: int, upload: views.NewTransfer | models.Transfer) -> errors.NoSpace:
    details = {"available": available, "needed": needed(upload)}
    return errors.NoSpace(domain=domain.name, free=available, name=upload.name, needed=needed(upload), details=details)
