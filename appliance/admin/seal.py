"""Secrets that must be known again, in the database: encrypted with a key that is not in it."""

import json

from cryptography import fernet

from appliance import errors


class Seal:
    """`key` is one of Fernet: `bootstrap` makes it."""

    def __init__(self, key: bytes):
        self._box = fernet.Fernet(key)

    def close(self, words: dict[str, str]) -> str:
        """The words, for nobody else to read or to change."""
        return self._box.encrypt(json.dumps(words).encode()).decode("ascii")

    def open(self, sealed: str | None) -> dict[str, str]:
        """What `close` was given. Raises errors.SecretLost."""
        try:
            return json.loads(self._box.decrypt((sealed or "").encode()))
        except fernet.InvalidToken:
            raise errors.SecretLost from None
