"""`image-appliance user` and `token`, against a real database."""

import pytest

from appliance.commands import opening

PASSWORD = "correct horse battery staple"


@pytest.fixture
def ann(books):
    return books.users.add("ann", PASSWORD, "admin")


def test_user_add_takes_the_password_from_standard_input(run, books):
    result = run("user", "add", "bob", "--role", "uploader", text=f"{PASSWORD}\n")

    assert result.exit_code == 0, result.output
    assert books.users.verify("bob", PASSWORD).role == "uploader"
    assert PASSWORD not in result.output


def test_user_add_takes_the_password_from_the_environment(run, books):
    result = run("user", "add", "bob", **{opening.PASSWORD_VARIABLE: PASSWORD})

    assert result.exit_code == 0, result.output
    assert books.users.verify("bob", PASSWORD).role == "viewer"


def test_user_add_without_a_password_says_where_it_may_come_from(run, books):
    result = run("user", "add", "bob")

    assert result.exit_code == 1
    assert opening.PASSWORD_VARIABLE in result.output
    assert books.users.all() == ()


@pytest.mark.parametrize(
    ("words", "text", "says"),
    [
        (("user", "add", "ann"), f"{PASSWORD}\n", "already is a user"),
        (("user", "add", "b/b"), f"{PASSWORD}\n", "letter or digit"),
        (("user", "add", "bob"), "short\n", "characters"),
        (("user", "add", "bob", "--role", "king"), f"{PASSWORD}\n", "king"),
        (("user", "passwd", "nobody"), f"{PASSWORD}\n", "no such user"),
        (("user", "role", "nobody", "viewer"), "", "no such user"),
        (("user", "role", "ann", "viewer"), "", "only administrator"),
        (("token", "add", "--user", "nobody"), "", "no such user"),
        (("token", "add", "--user", "ann", "--days", "0"), "", "days"),
        (("token", "revoke", "nothing"), "", "no such API token"),
    ],
)
def test_a_refusal_is_a_sentence_and_a_status(run, ann, words, text, says):
    result = run(*words, text=text)

    assert result.exit_code != 0
    assert says in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_user_passwd_replaces_the_password(run, books, ann):
    result = run("user", "passwd", "ann", text="another pass phrase\n")

    assert result.exit_code == 0, result.output
    assert books.users.verify("ann", "another pass phrase") == ann


def test_user_role_changes_the_role(run, books, ann):
    books.users.add("bob", PASSWORD, "viewer")

    assert run("user", "role", "bob", "uploader").exit_code == 0
    assert books.users.get("bob").role == "uploader"


def test_user_list_shows_names_and_roles(run, ann):
    output = run("user", "list").output

    assert "ann" in output and "admin" in output


def test_token_add_prints_the_token_alone(run, books, ann):
    result = run("token", "add", "--user", "ann")

    assert books.tokens.user(result.output.strip()) == ann
    assert result.output.count("\n") == 1


def test_token_days_sets_its_end(run, books, ann):
    run("token", "add", "--user", "ann", "--days", "3")

    token = books.tokens.all()[0]
    assert (token.expires_at - token.created_at).days == 3


def test_token_list_shows_the_id_and_never_the_secret(run, books, ann):
    secret = books.tokens.add("ann")
    output = run("token", "list").output

    assert books.tokens.all()[0].id in output
    assert secret not in output


def test_token_revoke_ends_it_at_once(run, books, ann):
    secret = books.tokens.add("ann")
    result = run("token", "revoke", books.tokens.all()[0].id)

    assert result.exit_code == 0, result.output
    assert books.tokens.user(secret) is None
