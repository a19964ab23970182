"""Signed tickets: what is accepted, and everything that is not."""

import base64
import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from appliance import errors
from appliance.transfer import tickets
from tests.transfer.signing import KEY, START, WORDS, claims, signed


@pytest.fixture
def verifier(clock):
    return tickets.Verifier(KEY.public_key(), "here", START, 5, clock)


def test_what_was_issued_is_accepted(signer, verifier):
    token, expires = signer.issue(**WORDS)

    ticket = verifier.verify(token)

    assert (ticket.user, ticket.transfer, ticket.host, ticket.ticket, ticket.ops, ticket.size) == (
        "ann",
        "t-1",
        "h-1",
        "k-1",
        ("write",),
        1000,
    )
    assert expires.timestamp() == pytest.approx(START + 400)
    assert expires.tzinfo is not None


def test_two_tickets_for_the_same_have_different_ids(signer, verifier):
    assert verifier.verify(signer.issue(**WORDS)[0]).id != verifier.verify(signer.issue(**WORDS)[0]).id


def test_a_changed_claim_breaks_the_signature(signer, verifier):
    head, _, signature = signer.issue(**WORDS)[0].split(".")
    forged = base64.urlsafe_b64encode(json.dumps(claims(size=1 << 60)).encode()).rstrip(b"=").decode()

    with pytest.raises(errors.BadTicket) as refused:
        verifier.verify(f"{head}.{forged}.{signature}")

    assert "Signature" in refused.value.reason


def test_another_key_is_refused(verifier):
    with pytest.raises(errors.BadTicket):
        verifier.verify(signed(claims(), ed25519.Ed25519PrivateKey.generate()))


def test_no_algorithm_is_refused(verifier):
    with pytest.raises(errors.BadTicket):
        verifier.verify(signed(claims(), None, "none"))


def test_the_public_key_as_a_secret_is_refused(verifier):
    # PyJWT itself does not sign so: the token is made by hand.
    import hashlib
    import hmac

    public = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": "HS256", "typ": "JWT"}, claims())]
    text = b".".join(parts)
    digest = base64.urlsafe_b64encode(hmac.new(public, text, hashlib.sha256).digest()).rstrip(b"=")

    with pytest.raises(errors.BadTicket):
        verifier.verify((text + b"." + digest).decode())


@pytest.mark.parametrize("change", [{"iss": "there"}, {"aud": "pages"}, {"aud": ["images-of-others"]}])
def test_another_installation_or_purpose_is_refused(verifier, change):
    with pytest.raises(errors.BadTicket):
        verifier.verify(signed(claims(**change)))


@pytest.mark.parametrize("name", tickets.CLAIMS)
def test_every_claim_is_needed(verifier, name):
    content = claims()
    del content[name]

    with pytest.raises(errors.BadTicket):
        verifier.verify(signed(content))


@pytest.mark.parametrize("name", ["iat", "nbf", "exp"])
@pytest.mark.parametrize("value", ["soon", [], {}])
def test_times_are_numbers(verifier, name, value):
    with pytest.raises(errors.BadTicket):
        verifier.verify(signed(claims(**{name: value})))


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "ä.ö.ü", "." * 50, "x" * 100_000])
def test_what_is_no_token_is_refused(verifier, text):
    with pytest.raises(errors.BadTicket):
        verifier.verify(text)


def test_an_expired_ticket_is_refused_after_the_skew(signer, verifier, clock):
    token, _ = signer.issue(**WORDS)

    clock.now += 304
    verifier.verify(token)
    clock.now += 2

    with pytest.raises(errors.BadTicket) as refused:
        verifier.verify(token)
    assert "expired" in refused.value.reason


def test_a_ticket_of_the_future_is_refused_but_for_the_skew(signer, verifier, clock):
    token, _ = signer.issue(**WORDS)

    clock.now -= 4
    verifier.verify(token)
    clock.now -= 2

    with pytest.raises(errors.BadTicket) as refused:
        verifier.verify(token)
    assert "not valid yet" in refused.value.reason


def test_a_ticket_from_before_the_start_is_refused(verifier):
    with pytest.raises(errors.BadTicket) as refused:
        verifier.verify(signed(claims(iat=START - 1, nbf=START - 1)))

    assert "before this process started" in refused.value.reason


def test_the_client_is_not_told_which_check_failed(verifier):
    told = set()
    for content in (claims(iss="there"), claims(exp=START), claims(iat=START - 1)):
        with pytest.raises(errors.BadTicket) as refused:
            verifier.verify(signed(content))
        told.add(refused.value.sentence)

    assert told == {"The ticket is not valid."}


def test_a_clock_that_is_set_back_does_not_matter(monkeypatch):
    before = tickets.now()
    monkeypatch.setattr("time.time", lambda: 0.0)

    assert tickets.now() >= before
