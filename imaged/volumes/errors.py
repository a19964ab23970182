"""What the storage resources refuse: each names the thing, the reason, and what to do."""

from imaged import errors


class InvalidName(errors.BadRequest):
    """The name of a domain or volume is not one that may reach a file system."""

    code = "invalid-name"


class NoDomain(errors.NotFound):
    code = "no-domain"


class NoVolume(errors.NotFound):
    code = "no-volume"


class NoJob(errors.NotFound):
    code = "no-job"


class Exists(errors.Conflict):
    """Something else already has this name, id or path."""

    code = "exists"


class Exported(errors.Conflict):
    """The volume is open as a disk, by an export that does not suffer what was asked for."""

    code = "exported"


class ExportLost(errors.Conflict):
    """A writing export ended by itself: what it had taken and not flushed may be lost, and its writer must be told."""

    code = "export-lost"


class NoProgram(errors.Internal):
    """A program that is needed is not installed on this host; the message names the package."""

    code = "no-program"


class NotAFile(errors.Conflict):
    """A link, pipe, device or directory lies where a volume's file should be: it is not followed, and not touched."""

    code = "not-a-file"


class Rejected(errors.DaemonError):
    """Verification found the image unfit. `code` tells the reason to programs, the message to people."""

    status = 422

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code
