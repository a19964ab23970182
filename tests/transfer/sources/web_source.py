"""Web sources as tests open and read them."""

from appliance.transfer import sources

DATA = bytes(range(256)) * 4096 + b"the end"


def source(server, path="/disk.img", credentials=None, **words):
    return sources.open(server.url(path), server.policy(**words), credentials)


def whole(stream) -> bytes:
    return b"".join(iter(lambda: stream.read(1 << 20), b""))


def read(source, start=0, validator=None) -> bytes:
    with source.reading(start, validator) as stream:
        return whole(stream)
