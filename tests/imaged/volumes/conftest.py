"""A host's storage, as the daemon sees it."""

import pytest

from imaged.volumes.domains import Domains
from imaged.volumes.volumes import Volumes


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
