"""A host's storage, as the daemon sees it."""

import shutil
from pathlib import Path

import pytest

from imaged.volumes.conversions import Conversions, Wanted
from imaged.volumes.domains import Domains
from imaged.volumes.exports import Exports
from imaged.volumes.jobs import Job, Jobs
from imaged.volumes.volumes import Volumes
from tests.imaged.volumes import arrived, exported
from tests.imaged.volumes.converted import QCOW2, RAW, SOURCE


@pytest.fixture
def root(tmp_path):
    path = tmp_path / "root"
    path.mkdir()
    return path


@pytest.fixture
def domains(root):
    return Domains([root])


@pytest.fixture
def domain(domains, root):
    domain, _ = domains.add("iso", "ISO images", str(root / "iso"))
    return domain


@pytest.fixture
def volumes(domains, domain):
    return Volumes(domains)


@pytest.fixture
def house(volumes):
    house = Exports(volumes, Jobs())
    yield house
    house.close()


@pytest.fixture
def disk(domain, qcow2):
    """The sound qcow2 of a 64 MiB disk as a volume."""
    return shutil.copy(qcow2, domain.path / exported.NAME)


@pytest.fixture(scope="session")
def kinds(tmp_path_factory):
    """A directory with one disk as every kind of file, which is only to be read."""
    directory = tmp_path_factory.mktemp("kinds")
    arrived.make_all(directory)
    return directory


@pytest.fixture
def vmdk(kinds, tmp_path):
    """A sound sparse VMDK of the test's own."""
    return Path(shutil.copy(kinds / "monolithicSparse", tmp_path))


@pytest.fixture
def convert(volumes):
    """Converts the original: `convert(kind or file, "qcow2")`."""
    conversions = Conversions(volumes)

    def convert(format, job=None, name=SOURCE, **more):
        wanted = Wanted(more.pop("target", QCOW2 if format == "qcow2" else RAW), format, **more)
        conversions.check("iso", name, wanted)
        return conversions.run(job or Job(("key",), 0), "iso", name, wanted)

    return convert


@pytest.fixture
def original(volumes, kinds):
    """A volume that is a sound VDI."""
    return arrived.stored(volumes, kinds / "vdi", SOURCE)
