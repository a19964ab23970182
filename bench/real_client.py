"""oVirt's own client, unmodified: `python -m bench.real_client upload|download FILE URL`. Answers as load.c does."""

import sys
import time

from ovirt_imageio import client


def main(act: str, file: str, url: str) -> None:
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.perf_counter()
    if act == "upload":
        client.upload(file, url, None)
    else:
        client.download(url, file, None, fmt="raw")
    print(time.perf_counter() - began, 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
