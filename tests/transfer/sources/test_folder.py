"""file: URLs: below the folder that is set aside, and nowhere else."""

import os

import pytest

from appliance import errors
from appliance.transfer import sources
from appliance.transfer.sources import guard

DATA = b"an image" * 1000


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "images"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "disk.img").write_bytes(DATA)
    (tmp_path / "outside.img").write_bytes(b"secret")
    return folder


@pytest.fixture
def policy(folder):
    return guard.Policy(schemes=("file",), folder=folder)


def read(source, start=0, validator=None) -> bytes:
    with source.reading(start, validator) as stream:
        return b"".join(iter(lambda: stream.read(1 << 20), b""))


def test_a_file_below_the_folder_is_looked_at_and_read(folder, policy):
    source = sources.open(f"file://{folder}/deep/disk.img", policy)
    facts = source.look()

    assert (facts.name, facts.size, facts.head, facts.resumable) == ("disk.img", len(DATA), DATA, True)
    assert read(source) == DATA
    assert read(source, 1000, facts.validator) == DATA[1000:]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST"])
def test_this_server_may_be_named(folder, policy, host):
    assert read(sources.open(f"file://{host}{folder}/deep/disk.img", policy)) == DATA


def test_names_with_blanks_and_percent_signs_are_written_with_codes(folder, policy):
    (folder / "a 100% image.iso").write_bytes(DATA)

    assert read(sources.open(f"file://{folder}/a%20100%25%20image.iso", policy)) == DATA


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "{folder}",
        "{folder}/",
        "{folder}/deep/",
        "{folder}/../outside.img",
        "{folder}/deep/../../outside.img",
        "{folder}/%2e%2e/outside.img",
        "{folder}/deep%2f..%2f..%2foutside.img",
        "{folder}/deep/disk.img%00",
        "{folder}x/disk.img",
        "deep/disk.img",
        "",
    ],
)
def test_what_is_not_below_the_folder_is_refused(folder, policy, path):
    with pytest.raises(errors.FileRefused):
        sources.open("file://" + path.format(folder=folder) if path.startswith(("/", "{")) else f"file:{path}", policy)


@pytest.mark.parametrize(
    "url", ["file://example.org{0}/deep/disk.img", "file://{0}/deep/disk.img?x", "file://{0}/deep/disk.img#x", "file://[{0}/disk.img"]
)
def test_what_names_more_than_a_file_of_this_server_is_refused(folder, policy, url):
    with pytest.raises(errors.BadUrl):
        sources.open(url.format(folder), policy)


def test_user_information_is_refused(folder, policy):
    with pytest.raises(errors.UserInUrl):
        sources.open(f"file://jo:secret@localhost{folder}/deep/disk.img", policy)


@pytest.mark.parametrize("made", ["file", "folder"])
def test_a_symbolic_link_is_not_followed(tmp_path, folder, policy, made):
    (folder / "link").symlink_to(tmp_path / "outside.img" if made == "file" else tmp_path)
    url = f"file://{folder}/link" + ("/outside.img" if made == "folder" else "")

    with pytest.raises(errors.FileRefused, match="symbolic link"):
        sources.open(url, policy).look()


def test_a_link_that_appears_later_is_not_followed(tmp_path, folder, policy):
    source = sources.open(f"file://{folder}/deep/disk.img", policy)
    source.look()
    (folder / "deep").rename(folder / "moved")
    (folder / "deep").symlink_to(tmp_path)
    (tmp_path / "disk.img").write_bytes(b"secret")

    with pytest.raises(errors.FileRefused):
        read(source)


def test_only_plain_files_are_read(folder, policy):
    os.mkfifo(folder / "pipe")

    for name in ("pipe", "deep"):
        with pytest.raises(errors.FileRefused, match="no plain file"):
            sources.open(f"file://{folder}/{name}", policy).look()


def test_a_file_that_is_not_there_is_told(folder, policy):
    for name in ("none.img", "none/disk.img", "deep/disk.img/x"):
        with pytest.raises((errors.SourceMissing, errors.SourceReset)):
            sources.open(f"file://{folder}/{name}", policy).look()


def test_a_folder_that_is_not_there_is_told(folder):
    with pytest.raises(errors.SourceMissing):
        sources.open(
            "file:///srv/no/such/folder/disk.img", guard.Policy(schemes=("file",), folder=folder.__class__("/srv/no/such/folder"))
        ).look()


def test_another_version_is_not_read(folder, policy):
    source = sources.open(f"file://{folder}/deep/disk.img", policy)
    validator = source.look().validator
    (folder / "deep" / "disk.img").write_bytes(DATA + b"more")

    with pytest.raises(errors.SourceChanged):
        read(source, 1000, validator)


def test_a_file_that_becomes_shorter_while_it_is_read_is_told(folder, policy):
    with pytest.raises(errors.SourceShort), sources.open(f"file://{folder}/deep/disk.img", policy).reading() as stream:
        stream.read(1000)
        os.truncate(folder / "deep" / "disk.img", 1000)
        stream.read(1000)


def test_without_a_folder_there_are_no_such_urls(folder):
    with pytest.raises(errors.SchemeRefused):
        sources.open(f"file://{folder}/deep/disk.img", guard.Policy(schemes=("file", "https")))


def test_who_reads_can_be_interrupted(folder, policy):
    source = sources.open(f"file://{folder}/deep/disk.img", policy)
    with source.reading() as stream:
        source.interrupt()
        with pytest.raises(sources.Interrupted):
            stream.read(1000)
