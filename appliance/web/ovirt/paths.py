"""Where things are: the hrefs that clients follow. Always paths, never whole addresses: oVirt's SDK refuses those."""

ENGINE = "/ovirt-engine"
API = f"{ENGINE}/api"


def of(collection: str, identity: str) -> str:
    return f"{API}/{collection}/{identity}"
