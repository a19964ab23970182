"""Copies of images in other storage domains: imports whose source is a host of ours."""

from appliance import errors
from appliance.admin import admission, images, kinds, models, uploads, users, views
from appliance.admin.bell import Bell
from appliance.admin.fleet import Fleet
from appliance.admin.ground import Ground
from appliance.admin.pipeline import installed, record
from appliance.admin.seal import Seal
from appliance.transfer.sources import held
from imaged import client

#: What the addresses of such sources begin with; nobody can ask for one.
SCHEME = "image:"
COPIED = (installed.INSPECT, installed.CHECKSUM, installed.VALIDATE, installed.REGISTER)


class Copying:
    def __init__(self, ground: Ground, fleet: Fleet, images: images.Images, uploads: uploads.Uploads, seal: Seal, bell: Bell):
        self._ground = ground
        self._fleet = fleet
        self._images = images
        self._uploads = uploads
        self._seal = seal
        self._bell = bell

    def start(self, user: views.User, image_id: str, domain: views.Domain) -> str:
        """Begins to copy the image to the domain, and returns the transfer's id. Raises errors.NotFound, and as Uploads.create."""
        with self._ground.database.reading() as session:
            image = images.find(session, image_id)
        images.usable(image)
        wanted, place, _ = self._uploads.admit(
            user,
            views.NewTransfer(
                name=image.name,
                size=image.size,
                format=image.format,
                domain=domain.id,
                sha256=image.sha256,
                image_id=models.new_id(),
                copy_of=image.id,
            ),
        )
        source = models.Import(
            sealed=self._seal.close({"url": SCHEME + image.id, "user": "", "password": "", "bearer": ""}),
            url=SCHEME + image.id,
            find_checksum=False,
            looked_at=self._ground.clock.now(),
            checksum=image.sha256,
            validator=_validator(image),
            resumable=True,
            source_size=image.size,
            source_format=image.format,
            # Whatever a guest has written on its disk meanwhile: it is no other image now.
            wanted_format=image.format,
            sized=True,
            # What has to be done with it was done when it came here first.
            steps=record.planned(COPIED, checksum=image.sha256 is not None, packed=False),
        )
        assert wanted.image_id and image.volume
        volume = wanted.image_id + admission.FORMATS[admission.file_format(image.volume)]
        transfer_id = self._uploads.wait(user, wanted, place, source, wanted.image_id, volume)
        self._bell.ring()
        return transfer_id

    def source(self, transfer: models.Transfer, url: str) -> held.Held:
        """What the import of a copy reads. Raises errors.SourceMissing."""
        owner = users.view(transfer.owner)
        with self._ground.database.reading() as session:
            image = session.get(models.Image, url.removeprefix(SCHEME))
        if image is None or image.status != "ok":
            raise errors.SourceMissing(host="The appliance", name=transfer.name, status="it was deleted")

        def opened() -> tuple[client.Images, str, str]:
            found = self._images.open(owner, image.id)
            return self._fleet.connections.images(found.host), found.ticket, image.domain.name

        return held.Held(image.name, image.size, _validator(image), opened)


def copies(transfer: models.Transfer) -> bool:
    """Its source is an image of ours."""
    return kinds.imported(transfer) and transfer.imported is not None and transfer.imported.url.startswith(SCHEME)


def _validator(image: models.Image) -> str:
    return image.sha256 or f"{image.id}-{image.completed_at}"
