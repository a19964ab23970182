"""Storage domains: what is one, and what must never become one."""

import json
import os
import stat

import pytest

from imaged import errors as daemon_errors
from imaged.volumes import errors
from imaged.volumes.domains import MARKER, Domains


def test_a_new_domain_is_a_private_directory_with_a_marker(domains, root):
    domain, new = domains.add("data", "Disks", str(root / "data"))

    assert new
    assert json.loads((root / "data" / MARKER).read_text()) == {"id": "data", "name": "Disks"}
    assert stat.S_IMODE((root / "data").stat().st_mode) == 0o700
    assert domains.get("data") == domain


def test_adding_a_domain_again_changes_nothing(domains, root):
    first, _ = domains.add("data", "Disks", str(root / "data"))

    assert domains.add("data", "Disks", str(root / "data")) == (first, False)


def test_adding_a_domain_again_renames_it(domains, root):
    domains.add("data", "Disks", str(root / "data"))
    domains.add("data", "Fast disks", str(root / "data"))

    assert domains.get("data").name == "Fast disks"


def test_a_root_itself_may_be_a_domain(domains, root):
    domains.add("data", "Disks", str(root))

    assert [domain.path for domain in domains.all()] == [root]


def test_a_domain_is_found_without_being_told(root):
    (root / "moved").mkdir()
    (root / "moved" / MARKER).write_text('{"id": "old", "name": "From the old host"}')

    assert [domain.id for domain in Domains([root]).all()] == ["old"]


def test_a_domain_deeper_than_one_directory_is_not_looked_for(root):
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / MARKER).write_text('{"id": "deep", "name": "Deep"}')

    assert Domains([root]).all() == []


def test_a_root_that_is_a_link_is_followed(tmp_path, root):
    (tmp_path / "link").symlink_to(root)
    domains = Domains([tmp_path / "link"])

    domain, _ = domains.add("data", "Disks", str(tmp_path / "link" / "data"))

    assert domain.path == root / "data"


@pytest.mark.parametrize(
    "marker",
    ["", "{", "[]", "null", '{"id": "x"}', '{"id": 1, "name": "x"}', '{"id": "../x", "name": "x"}', '{"id": "x", "name": ""}', "[" * 4000],
)
def test_a_damaged_marker_makes_no_domain(root, marker):
    (root / "data").mkdir()
    (root / "data" / MARKER).write_text(marker)

    assert Domains([root]).all() == []


def test_a_marker_that_is_a_link_makes_no_domain(root, tmp_path):
    (tmp_path / "marker").write_text('{"id": "x", "name": "x"}')
    (root / "data").mkdir()
    (root / "data" / MARKER).symlink_to(tmp_path / "marker")

    assert Domains([root]).all() == []


def test_a_marker_that_is_a_pipe_holds_nobody(root):
    (root / "data").mkdir()
    os.mkfifo(root / "data" / MARKER)

    assert Domains([root]).all() == []


def test_of_two_directories_with_one_id_the_first_has_it(root, caplog):
    for name in ("copy", "another"):
        (root / name).mkdir()
        (root / name / MARKER).write_text('{"id": "x", "name": "x"}')

    assert [domain.path.name for domain in Domains([root]).all()] == ["another"]
    assert "both claim" in caplog.text


@pytest.mark.parametrize("path", ["", "data", "/etc/data", "{root}/a/b", "{root}/../data", "{root}/a/../../etc", "{root}/da\0ta"])
def test_a_path_outside_the_roots_is_refused(domains, root, path):
    with pytest.raises(daemon_errors.ForbiddenPath):
        domains.add("data", "Disks", path.format(root=root))

    assert domains.all() == []


def test_a_link_below_a_root_is_refused(domains, root, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (root / "data").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(daemon_errors.ForbiddenPath, match="links"):
        domains.add("data", "Disks", str(root / "data"))

    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_file_in_the_way_is_refused(domains, root):
    (root / "data").write_text("mine")

    with pytest.raises(daemon_errors.ForbiddenPath):
        domains.add("data", "Disks", str(root / "data"))


def test_another_domains_directory_is_refused(domains, domain):
    with pytest.raises(errors.Exists):
        domains.add("data", "Disks", str(domain.path))


def test_a_second_place_for_a_domain_is_refused(domains, domain, root):
    with pytest.raises(errors.Exists):
        domains.add(domain.id, domain.name, str(root / "other"))

    assert not (root / "other").exists()


@pytest.mark.parametrize("domain_id", ["", ".", "..", ".hidden", "a/b", "a b", "ä", "a\n", "-a", "x" * 129, "a\u202eb"])
def test_a_bad_id_is_refused(domains, root, domain_id):
    with pytest.raises(errors.InvalidName):
        domains.add(domain_id, "Disks", str(root / "data"))


@pytest.mark.parametrize("name", ["", "a\nb", "a\u202eb", "x" * 129, "\x1b[31m"])
def test_a_bad_name_is_refused(domains, root, name):
    with pytest.raises(errors.InvalidName):
        domains.add("data", name, str(root / "data"))


def test_an_unknown_domain_says_so(domains):
    with pytest.raises(errors.NoDomain, match="nothing"):
        domains.get("nothing")


def test_a_domain_that_lost_its_marker_is_not_opened(domains, domain):
    (domain.path / MARKER).unlink()

    with pytest.raises(errors.NoDomain, match="no longer"), domain.directory():
        pass
