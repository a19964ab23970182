"""Images that are imported from a URL. None of these shows a credential, or the query of a URL.

The words: `host` is the source's name, `name` the file's, `reason` a clause.
"""

from appliance.errors.base import ApplianceError


class BadUrl(ApplianceError):
    """A URL that nothing is fetched from, because it is none or could be understood in two ways."""

    code = "bad-url"
    status = 422
    says = "This URL cannot be used: {reason}."
    hint = "Write it as https://NAME/PATH, with % codes for what a URL cannot hold."


class UserInUrl(ApplianceError):
    code = "user-in-url"
    status = 422
    says = "The URL has a user name or a password in it, where logs and lists would show them."
    hint = "Leave out what stands before the @, and give user and password, or a token, in their own fields."


class BadCredentials(ApplianceError):
    code = "bad-credentials"
    status = 422
    says = "These credentials cannot be sent: {reason}."
    hint = "Give a user and a password, or a token, without line breaks."


class SchemeRefused(ApplianceError):
    """`allowed` are the schemes that there are."""

    code = "scheme-refused"
    status = 422
    says = "Nothing is imported from {scheme}: URLs here."
    hint = "Use one of: {allowed}. An administrator may allow more with the settings import_schemes and import_folder."


class PortRefused(ApplianceError):
    code = "port-refused"
    status = 403
    says = "Nothing is imported from port {port}."
    hint = "Use another address of the file, or ask an administrator to add the port to the setting import_ports."


class AddressRefused(ApplianceError):
    """Which address it was is for the log: names of inner networks are not to be looked up by this."""

    code = "address-refused"
    status = 403
    says = "Nothing is imported from {host}: it is {reason}."
    hint = "Use a public address of the file, or ask an administrator to add this one to the setting import_allow."


class FileRefused(ApplianceError):
    code = "file-refused"
    status = 403
    says = "This file of the server is not imported: {reason}."
    hint = "Name a file below the folder that the administrator has set aside for imports (import_folder)."


class UnknownName(ApplianceError):
    code = "unknown-name"
    status = 502
    says = "The name {host} could not be resolved: {reason}."
    hint = "Check how it is written, and this server's name service."


class SourceUnreachable(ApplianceError):
    code = "source-unreachable"
    status = 502
    says = "{host} cannot be reached: {reason}."
    hint = "Check that the server runs and that this appliance may reach it; behind a proxy, set https_proxy for the appliance."


class BadCertificate(ApplianceError):
    code = "bad-certificate"
    status = 502
    says = "{host} could not prove who it is: {reason}."
    hint = "Use the name that its certificate is for; for an authority of your own, an administrator sets import_ca."


class BadRedirect(ApplianceError):
    code = "bad-redirect"
    status = 502
    says = "{host} sent us elsewhere, and we do not go there: {reason}."
    hint = "Give the address where the file really is."


class SourceMissing(ApplianceError):
    code = "source-missing"
    status = 422
    says = "{host} has no file {name} (it answered {status})."
    hint = "Check the address in a browser: the file may have moved, or have been replaced by a newer version."


class SourceForbidden(ApplianceError):
    code = "source-forbidden"
    status = 422
    says = "{host} does not give us {name} (it answered {status})."
    hint = "Give a user and a password, or a token, that may read it; an address that was made for a time may have expired."


class SourceFailed(ApplianceError):
    """Status 5xx, 429 and others that may be over soon."""

    code = "source-failed"
    status = 502
    says = "{host} could not give us {name} (it answered {status})."
    hint = "Wait a little and try again; the fault is the source's."


class SourceRange(ApplianceError):
    """Status 416, or another part than the one that was asked for."""

    code = "source-range"
    status = 502
    says = "{host} does not give the part of {name} that was asked for: {reason}."
    hint = "The file may have become shorter: start a new import."


class SourceEncoded(ApplianceError):
    code = "source-encoded"
    status = 502
    says = "{host} sends {name} in the encoding {encoding}, which was not asked for: its bytes are not the file's."
    hint = "Use another address of the file, or tell the server's administrator: it was asked for Accept-Encoding: identity."


class SourceGarbled(ApplianceError):
    code = "source-garbled"
    status = 502
    says = "What {host} answers is not proper HTTP: {reason}."
    hint = "Check the address, its port, and whether it is https or http."


class NotAnImage(ApplianceError):
    code = "not-an-image"
    status = 422
    says = "{name} at {host} is a web page, not an image."
    hint = "Open the address in a browser: it may be a page with a link to the file, or ask for a login. Give the link's own address."


class SourceEmpty(ApplianceError):
    code = "source-empty"
    status = 422
    says = "{name} is empty at {host}: there is no image in it."
    hint = "It may not have been uploaded whole to there, or be packed from an empty file: look at it there."


class SourceStalled(ApplianceError):
    code = "source-stalled"
    status = 502
    says = "{host} has sent nothing for {seconds:g} seconds."
    hint = "Try again when it is well; an import that is paused keeps what has arrived."


class SourceSlow(ApplianceError):
    code = "source-slow"
    status = 502
    says = "{host} sends so slowly that after {seconds:g} seconds it was not known what it has."
    hint = "Try again when it is less busy."


class SourceReset(ApplianceError):
    code = "source-reset"
    status = 502
    says = "{host} broke the connection off: {reason}."
    hint = "Try again when it is well; an import that is paused keeps what has arrived."


class SourceShort(ApplianceError):
    """`missing` and `expected` are bytes."""

    code = "source-short"
    status = 502
    says = "{name} ended {missing:size} before the end of the {expected:size} that {host} announced."
    hint = "Check the file at its source: it may still be written to."


class SourceLong(ApplianceError):
    """`expected` are bytes."""

    code = "source-long"
    status = 502
    says = "{name} has more than the {expected:size} that it should have."
    hint = "Check the file at its source, then start a new import."


class SourceChanged(ApplianceError):
    code = "source-changed"
    status = 409
    says = "{name} at {host} is not the file any more that this import began with."
    hint = "Start a new import: two versions must not be mixed."


class WrongChecksum(ApplianceError):
    """Both in hex."""

    code = "wrong-checksum"
    status = 422
    says = "The SHA-256 of {name} is {found}, and should be {expected}."
    hint = "Check that the checksum is this file's; else the file was damaged or exchanged on its way: do not use it."


class BadChecksum(ApplianceError):
    code = "bad-checksum"
    status = 422
    says = "This is not a SHA-256: {reason}."
    hint = "Give 64 digits 0-9 and a-f, as `sha256sum` prints them."


class NoChecksum(ApplianceError):
    code = "no-checksum"
    status = 422
    says = "No SHA-256 of {name} was found beside it at {host}."
    hint = "Give the checksum yourself, or import without one."


class UnknownCompression(ApplianceError):
    code = "unknown-compression"
    status = 422
    says = "{name} is packed as {kind}, which is not unpacked here."
    hint = "Unpack it first, or pack it with gzip, xz, bzip2 or zstd."


class ArchiveTruncated(ApplianceError):
    code = "archive-truncated"
    status = 422
    says = "{name} ends in the middle of its {kind} data."
    hint = "It was not uploaded whole to where it comes from, or cut off: check it there, and compare its checksum."


class ArchiveDamaged(ApplianceError):
    code = "archive-damaged"
    status = 422
    says = "{name} cannot be unpacked: its {kind} data is damaged."
    hint = "Compare its checksum with the publisher's, and get it anew."


class ArchiveTrailing(ApplianceError):
    code = "archive-trailing"
    status = 422
    says = "{name} has something else behind its {kind} data."
    hint = "Pack the image alone, and compare its checksum with the publisher's."


class ArchiveMemory(ApplianceError):
    """`limit` is in bytes."""

    code = "archive-memory"
    status = 422
    says = "{name} would take more than {limit:size} of memory to unpack."
    hint = "Pack it with a smaller dictionary: xz -9 and zstd -19 are well below it."


class ArchiveTooLarge(ApplianceError):
    """`limit` is in bytes."""

    code = "archive-too-large"
    status = 422
    says = "{name} has, unpacked, more than the {limit:size} that it may have."
    hint = "Check what is in it; an administrator may raise max_image_size."


class BadAuthorities(ApplianceError):
    code = "bad-authorities"
    status = 500
    says = "The file of trusted authorities cannot be used: {reason}."
    hint = "An administrator corrects the setting import_ca: a file of certificates in PEM form."


class BadProxy(ApplianceError):
    code = "bad-proxy"
    status = 500
    says = "The proxy that the environment names cannot be used: {reason}."
    hint = "An administrator corrects http_proxy, https_proxy or no_proxy in the environment of the appliance."


class FormatRefused(ApplianceError):
    code = "format-refused"
    status = 422
    says = "{name} cannot be imported like this: {reason}."
    hint = "Leave the format out, or bring the image into the format that is wanted with qemu-img convert first."


class TooManyQueries(ApplianceError):
    """As many sources as may are being asked what they have."""

    code = "too-many-queries"
    status = 503
    says = "Too many addresses are looked at in this moment."
    hint = "Try again in a moment."
    retry_after = 5


class WorksAlone(ApplianceError):
    """A client wants to send an import's bytes, or to end it."""

    code = "works-alone"
    status = 409
    says = "This is an import: the appliance itself fetches its bytes, and ends it when all are there."
    hint = "Wait for it; it can be paused, resumed and cancelled."


class SecretLost(ApplianceError):
    code = "secret-lost"
    status = 500
    says = "The address and the credentials of this import cannot be read: the key that they were encrypted with is not there any more."
    hint = "Start the import anew. An administrator keeps keys/imports of the state directory together with the database."
