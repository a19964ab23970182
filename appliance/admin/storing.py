"""What an image is stored as: from the format that it arrives in to the one that it is kept in, and the files' names on the way."""

from dataclasses import dataclass

from appliance import errors
from appliance.admin import admission

#: Disks of other programs, which are converted: a host keeps raw disks, qcow2 and ISOs.
FOREIGN = ("vmdk", "vdi", "vhd", "vhdx")
SOURCES = (*admission.FORMATS, *FOREIGN)
#: What a disk can be converted to.
TARGETS = ("raw", "qcow2")
#: What a foreign disk becomes if nobody says.
USUAL = "qcow2"


@dataclass(frozen=True)
class Storing:
    """`source` is what arrives, `format` what is kept. `converts`: they are two files."""

    source: str
    format: str
    converts: bool

    @classmethod
    def of(cls, name: str, source: str, wanted: str | None, compressed: bool = False) -> "Storing":
        """`wanted`: None for what it is. Raises errors.FormatRefused, which calls the image `name`."""
        format = wanted or (source if source in admission.FORMATS else USUAL)
        if source not in SOURCES:
            raise errors.FormatRefused(name=name, reason=f"it is {source}, and taken are {', '.join(SOURCES)}")
        if compressed and format != "qcow2":
            raise errors.FormatRefused(name=name, reason=f"it would be stored as {format}, and only qcow2 can be compressed")
        # A machine can boot from an ISO that lies on a plain disk.
        if source == "iso" and format in ("iso", "raw"):
            return cls(source, format, False)
        if "iso" in (source, format):
            raise errors.FormatRefused(name=name, reason=f"it is {source}, and {format} is wanted: that cannot be converted")
        return cls(source, format, compressed or source != format)

    @staticmethod
    def said(name: str, found: str, declared: str | None) -> None:
        """The file is what it was said to be, if anybody said that. Raises errors.FormatRefused."""
        if declared not in (None, found):
            raise errors.FormatRefused(name=name, reason=f"it is {found}, and was said to be {declared}")

    def volume(self, image_id: str) -> str:
        """The name of the file that the bytes come into."""
        return image_id + (admission.FORMATS[self.format] if not self.converts else _suffix(self.source))

    def target(self, image_id: str, volume: str) -> str | None:
        """The name of the file that is made of `volume`; None where it is kept itself."""
        if not self.converts:
            return None
        target = image_id + admission.FORMATS[self.format]
        return target if target != volume else f"{image_id}-2{admission.FORMATS[self.format]}"


def _suffix(format: str) -> str:
    return admission.FORMATS.get(format, f".{format}")
