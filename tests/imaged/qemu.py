"""qemu-img, as tests use it."""

import filecmp
import subprocess
from pathlib import Path


def qemu_img(*words: object, cwd: Path | None = None) -> str:
    """Runs it in `cwd`; returns what it says."""
    for _ in range(20):
        done = subprocess.run(
            ["qemu-img", *map(str, words)], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, cwd=cwd, check=False
        )
        # How it finds the cost of a LUKS key: on a busy machine it gives up at once.
        if "Unable to get accurate CPU usage" not in done.stderr:
            break
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def same(one: object, other: object, forms: tuple[str, str] = ("raw", "raw")) -> bool:
    """Has the guest of one the same bytes as that of the other?"""
    if forms == ("raw", "raw"):
        return filecmp.cmp(str(one), str(other), shallow=False)
    return "identical" in qemu_img("compare", "-f", forms[0], "-F", forms[1], one, other)
