"""How secrets are stored that we made ourselves: they are random and long, so a plain digest cannot be guessed back."""

import hashlib


def of(secret: str) -> str:
    """SHA-256 of the secret, in hex."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
