"""A host's storage, as the daemon sees it, and images made by the tools that people use."""

import os
import subprocess

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


@pytest.fixture
def qemu_img(tmp_path):
    """Runs qemu-img: `qemu_img("create", …)`."""

    def run(*words):
        for _ in range(20):
            done = subprocess.run(["qemu-img", *map(str, words)], capture_output=True, stdin=subprocess.DEVNULL, cwd=tmp_path, check=False)
            # How it finds the cost of a LUKS key: on a busy machine it gives up at once.
            if b"Unable to get accurate CPU usage" not in done.stderr:
                break
        done.check_returncode()

    return run


@pytest.fixture
def qcow2(tmp_path, qemu_img):
    """A sound qcow2 of a 64 MiB disk, with 2 MiB of data in it."""
    source, path = tmp_path / "source.raw", tmp_path / "sound.qcow2"
    with source.open("wb") as file:
        file.seek(1 << 20)
        file.write(os.urandom(2 << 20))
        file.truncate(64 << 20)
    qemu_img("convert", "-f", "raw", "-O", "qcow2", source, path)
    return path
