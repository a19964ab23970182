"""OpenStack's own command `glance`, unmodified, in this process: starting Python anew for each call would take most of the time."""

import hashlib
import os
import re
import secrets
import sys

import pytest
from glanceclient import shell

from tests.admin.pipeline import disks
from tests.waiting import wait_for


class Client:
    """The command, as somebody types it at a terminal: without one it takes its input for an image."""

    def __init__(self, glance, capsys):
        self._glance = glance
        self._capsys = capsys

    def run(self, *words: str, role: str = "admin", version: str | None = "2") -> str:
        """What it prints. Raises what it would end with."""
        chosen = ["--os-image-api-version", version] if version else []
        where = ["--os-auth-token", self._glance.appliance.tokens[role], "--os-image-url", self._glance.url]
        self._capsys.readouterr()
        shell.OpenStackImagesShell().main([*chosen, *where, *words])
        return self._capsys.readouterr().out

    def values(self, *words: str, **options) -> dict[str, str]:
        """What it prints as a table of properties."""
        return dict(re.findall(r"^\| (\S+) +\| (.*?) +\|$", self.run(*words, **options), re.M))

    def rows(self, *words: str, **options) -> list[str]:
        """What it prints as a list, line by line."""
        return [line for line in self.run(*words, **options).splitlines() if line.startswith("| ")][1:]


@pytest.fixture
def client(glance, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    mine, theirs = os.openpty()
    with os.fdopen(theirs) as terminal, os.fdopen(mine, "rb", 0):
        monkeypatch.setattr(sys, "stdin", terminal)
        yield Client(glance, capsys)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "disk.img"
    path.write_bytes(secrets.token_bytes(700001))
    return path


BARE = ("--disk-format", "raw", "--container-format", "bare")


def test_an_image_is_created_with_its_file_shown_changed_downloaded_and_deleted(client, file, tmp_path, name):
    made = client.values("image-create", "--name", name, *BARE, "--file", str(file), "--property", "os_distro=debian", "--tag", "x")
    assert (made["status"], made["size"], made["os_distro"], made["os_hash_algo"]) == ("active", "700001", "debian", "sha512")

    assert [name in row for row in client.rows("image-list", "--property-filter", f"name={name}")] == [True]
    changed = client.values("image-update", made["id"], "--min-ram", "64", "--remove-property", "os_distro", "--property", "a=b")
    assert (changed["min_ram"], changed["a"], "os_distro" in changed) == ("64", "b", False)
    assert client.values("image-show", made["id"])["a"] == "b"
    client.run("image-tag-update", made["id"], "y")
    client.run("image-download", made["id"], "--file", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == file.read_bytes()
    client.run("image-delete", made["id"])
    with pytest.raises(SystemExit):
        client.run("image-delete", made["id"])


def test_an_image_is_created_by_an_import_of_a_file(client, glance, file, name):
    made = client.values("image-create-via-import", "--name", name, *BARE, "--file", str(file))

    found = glance.active(made)
    assert found["size"] == 700001
    assert ["success" in row for row in client.rows("image-tasks", made["id"])] == [True]


def test_an_image_is_created_by_an_import_from_a_url(client, glance, source, file, name):
    source.files["/client.img"] = file.read_bytes()

    made = client.values(
        "image-create-via-import", "--name", name, *BARE, "--import-method", "web-download", "--uri", f"{source.url}/client.img"
    )

    assert glance.active(made)["size"] == 700001


def test_a_disk_of_another_program_is_imported_from_a_file_and_is_qcow2(client, glance, tmp_path, name):
    (tmp_path / "disk.vmdk").write_bytes(disks.disk("vmdk"))
    form = ("--disk-format", "vmdk", "--container-format", "bare")

    made = client.values("image-create-via-import", "--name", name, *form, "--file", str(tmp_path / "disk.vmdk"))

    glance.active(made)
    # The client compares what comes with the digest that it was told.
    client.run("image-download", made["id"], "--file", str(tmp_path / "back"))
    assert disks.contents(tmp_path / "back", "qcow2") == disks.original()


def test_a_task_makes_qcow2_of_a_disk_of_another_program(client, glance, source, name):
    source.files["/client.vmdk"] = disks.disk("vmdk")
    asked = f'{{"import_from": "{source.url}/client.vmdk", "import_from_format": "vmdk", "image_properties": {{"name": "{name}"}}}}'

    made = client.values("task-create", "--type", "import", "--input", asked)

    shown = client.values("image-show", glance.ended(made)["result"]["image_id"])
    data = glance.call("GET", f"/images/{shown['id']}/file").body
    assert (shown["disk_format"], shown["virtual_size"], shown["size"]) == ("qcow2", str(disks.SIZE), str(len(data)))
    # Its table breaks the line.
    assert shown["os_hash_value"][:64] == hashlib.sha512(data).hexdigest()[:64]
    assert shown["checksum"] == hashlib.md5(data).hexdigest()


def test_a_task_whose_disk_is_not_what_was_said_tells_why(client, glance, source, name):
    source.files["/other.vmdk"] = disks.disk("qcow2")
    asked = f'{{"import_from": "{source.url}/other.vmdk", "import_from_format": "vmdk", "image_properties": {{"name": "{name}"}}}}'

    made = client.values("task-create", "--type", "import", "--input", asked)

    glance.ended(made)
    assert "it is qcow2, and was said to be vmdk" in client.values("task-show", made["id"])["message"]


def test_an_image_is_staged_and_imported_step_by_step(client, glance, file, name):
    made = client.values("image-create", "--name", name, *BARE)
    client.run("image-stage", "--file", str(file), made["id"])
    assert client.values("image-show", made["id"])["status"] == "uploading"

    client.run("image-import", made["id"], "--import-method", "glance-direct")

    assert glance.active(made)["size"] == 700001


def test_a_file_is_uploaded_to_an_image_and_copied_to_another_store(client, glance, file, name):
    made = client.values("image-create", "--name", name, *BARE)
    client.run("image-upload", "--file", str(file), made["id"])

    client.run("image-import", made["id"], "--import-method", "copy-image", "--stores", "more")

    wait_for(lambda: glance.show(made)["stores"] == "data,more", "the copy", 60)


def test_tasks_are_created_listed_and_shown(client, glance, source, file, name):
    source.files["/task.img"] = file.read_bytes()
    asked = f'{{"import_from": "{source.url}/task.img", "import_from_format": "raw", "image_properties": {{"name": "{name}"}}}}'

    made = client.values("task-create", "--type", "import", "--input", asked)

    task = glance.ended(made)
    assert any(made["id"] in row and "success" in row for row in client.rows("task-list"))
    shown = client.values("task-show", made["id"])
    assert task["result"]["image_id"] in shown["result"]
    assert client.values("image-show", task["result"]["image_id"])["name"] == name


def test_what_can_be_imported_and_where_is_told(client):
    assert "web-download" in client.run("import-info")
    assert "more" in client.run("stores-info")


def test_without_a_version_the_client_finds_it_out(client):
    assert "| Name" in client.run("image-list", version=None)


def test_a_path_behind_the_address_may_name_the_version(client, glance):
    glance.url += "/v2/"

    assert "| Name" in client.run("image-list")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("image-show", "11111111-2222-4333-8444-555555555555"), "There is no such image"),
        (("task-show", "11111111-2222-4333-8444-555555555555"), "There is no such task"),
        (("image-create", "--name", "a/b"), "path separator"),
        (("task-create", "--type", "import", "--input", '{"import_from": "file:///etc/passwd", "import_from_format": "raw"}'), "required"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(client, capsys, words, told):
    with pytest.raises(Exception, match=told) as raised:
        try:
            client.run(*words)
        except SystemExit:
            raise AssertionError(capsys.readouterr().err) from None

    assert "NoneType" not in str(raised.value)


def test_who_has_no_good_token_is_told(client, glance, monkeypatch):
    monkeypatch.setitem(glance.appliance.tokens, "admin", "iat_nobodys")

    with pytest.raises(Exception, match="Invalid OpenStack Identity credentials"):
        client.run("image-list")
