"""Signed tickets, made by hand and by the clock of a test."""

import jwt
from cryptography.hazmat.primitives.asymmetric import ed25519

KEY = ed25519.Ed25519PrivateKey.generate()
START = 1_800_000_000.0
WORDS = {"user": "ann", "transfer": "t-1", "host": "h-1", "ticket": "k-1", "ops": ["write"], "size": 1000}


class Clock:
    def __init__(self, now: float):
        self.now = now

    def __call__(self) -> float:
        return self.now


def claims(**changes) -> dict:
    now = START + 100
    whole = {"iss": "here", "aud": "images", "sub": "ann", "jti": "j", "iat": now, "nbf": now, "exp": now + 300}
    return {**whole, "transfer": "t-1", "host": "h-1", "ticket": "k-1", "ops": ["write"], "size": 1000, **changes}


def signed(content: dict, key=KEY, algorithm="EdDSA") -> str:
    return jwt.encode(content, key, algorithm)
