"""openstacksdk's image proxy, unmodified: an upload, an import, a download."""

import secrets

import openstack
import pytest
from keystoneauth1 import session, token_endpoint
from openstack import exceptions

from tests.admin.pipeline import disks


@pytest.fixture(params=["", "/v2"], ids=["address", "address of the version"])
def images(request, glance):
    """The proxy; the address may name the version or not."""
    where = glance.url + request.param
    auth = session.Session(auth=token_endpoint.Token(where, glance.appliance.tokens["admin"]))
    with openstack.connection.Connection(session=auth, image_endpoint_override=where, image_api_version="2") as connection:
        yield connection.image


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "disk.img"
    path.write_bytes(secrets.token_bytes(700001))
    return path


def test_a_file_is_uploaded_changed_downloaded_and_deleted(images, glance, file, tmp_path, name):
    made = images.create_image(name, filename=str(file), disk_format="raw", container_format="bare")

    found = images.get_image(made.id)
    assert (found.status, found.size) == ("active", 700001)
    assert images.find_image(name).id == made.id
    assert images.update_image(found, os_distro="debian").os_distro == "debian"
    images.download_image(found, output=str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == file.read_bytes()
    images.delete_image(found)
    with pytest.raises(exceptions.NotFoundException):
        images.get_image(made.id)


def test_a_file_is_imported(images, glance, file, name):
    made = images.create_image(name, filename=str(file), disk_format="raw", container_format="bare", use_import=True)

    assert glance.active({"id": made.id})["size"] == 700001


@pytest.mark.parametrize("images", [""], indirect=True)
def test_a_disk_of_another_program_is_imported_from_a_url_and_downloaded_as_qcow2(images, glance, source, tmp_path, name):
    source.files["/sdk.vhd"] = disks.disk("vhd")
    made = images.create_image(name, disk_format="vhd", container_format="bare")

    images.import_image(made, method="web-download", uri=f"{source.url}/sdk.vhd")

    assert glance.active({"id": made.id})["disk_format"] == "qcow2"
    images.download_image(images.get_image(made.id), output=str(tmp_path / "back"))
    assert disks.contents(tmp_path / "back", "qcow2") == disks.original()


def test_a_url_is_imported(images, glance, source, file, name):
    source.files["/sdk.img"] = file.read_bytes()
    made = images.create_image(name, disk_format="raw", container_format="bare")

    images.import_image(made, method="web-download", uri=f"{source.url}/sdk.img")

    assert glance.active({"id": made.id})["size"] == 700001
