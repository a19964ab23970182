"""kill -9 in the middle of what a volume goes through: what is found afterwards is one whole state, and the way goes on from it."""

import os
import random
import signal
import subprocess
import sys

import pytest

from imaged.volumes import errors

NAME = "image.iso"
SIZE = 1 << 20
LIFE = f"""
import sys
from pathlib import Path
from imaged import journal
from imaged.volumes.domains import Domains
from imaged.volumes.volumes import Volumes

volumes = Volumes(Domains([Path(sys.argv[1])]))
print("begin", flush=True)
while True:
    volume, _ = volumes.create("iso", {NAME!r}, {SIZE}, "sparse")
    durability = journal.open_for(volume.path, {SIZE})
    durability.finish(durability.begin(0, 1000), 1000)
    durability.flush(lambda: None)
    volumes.complete("iso", {NAME!r})
    volumes.delete("iso", {NAME!r})
"""


@pytest.mark.parametrize("moment", [random.Random(seed).uniform(0, 0.05) for seed in range(8)])
def test_a_kill_leaves_a_state_that_goes_on(volumes, domain, root, moment):
    process = subprocess.Popen([sys.executable, "-c", LIFE, str(root)], stdout=subprocess.PIPE)
    process.stdout.readline()
    try:
        process.wait(moment)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert process.returncode == -signal.SIGKILL

    try:
        state = volumes.get("iso", NAME).state
    except errors.NoVolume:
        state = "none"
    if state != "complete":
        volume, new = volumes.create("iso", NAME, SIZE, "sparse")
        # What a dead one's journal says is believed of its own file alone.
        assert volume.durable in ([], [[0, 1000]]) and not (new and volume.durable)
    assert volumes.complete("iso", NAME).size == SIZE
    assert sorted(os.listdir(domain.path)) == [".image-domain", NAME]

    volumes.delete("iso", NAME)
    assert os.listdir(domain.path) == [".image-domain"]
