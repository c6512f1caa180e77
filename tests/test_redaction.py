"""What looks like a secret is cut out of texts, what is known to be one too, and nothing else is."""

import json
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.text.redaction import REDACTED, Redactor, hide_secrets, secret_of_word, secrets_in, sounds_secret

KEY_BLOCK = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("to postgres://ann:pw@db/x", "to postgres://(redacted)@db/x"),
        ("redis://:p@ss@h:1/0", "redis://(redacted)@h:1/0"),
        ("amqp://ann@h", "amqp://(redacted)@h"),
        ("serve --password x1 --port 1", "serve --password (redacted) --port 1"),
        ("--db.token='a b' c", "--db.token='(redacted)' c"),
        ("-Dspring.datasource.password=abc", "-Dspring.datasource.password=(redacted)"),
        ("GET /?a=1&access_token=zzz&b=2", "GET /?a=1&access_token=(redacted)&b=2"),
        ('{"clientSecret": "a\\"b", "n": 1}', '{"clientSecret": "(redacted)", "n": 1}'),
        ("{'api_key': 12}", "{'api_key': (redacted)}"),
        ("Cookie: sid=abc; x=y", "Cookie: (redacted)"),
        ("X-Api-Key: abc", "X-Api-Key: (redacted)"),
        ("Authorization: Bearer abc", "Authorization: Bearer (redacted)"),
        ("sent Bearer ab.cd1", "sent Bearer (redacted)"),
        ("sent Basic dXNlcjpwYXNz", "sent Basic (redacted)"),
        ("ghp_" + "a1" * 18, REDACTED),
        ("of AKIAIOSFODNN7EXAMPLE.", "of (redacted)."),
        ("glpat-" + "x1" * 10, REDACTED),
        ("xoxb-1234567890-abc", REDACTED),
        ("https://hooks.slack.com/services/T0/B0/x1", "https://hooks.slack.com/services/(redacted)"),
        ("sk_live_" + "x1" * 12, REDACTED),
        ("sk-proj-" + "x1" * 12, REDACTED),
        ("AIza" + "x" * 35, REDACTED),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.c2ln-x", REDACTED),
        (f"it is {KEY_BLOCK} here", "it is (redacted) here"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE cut", REDACTED),
    ],
)
def test_what_looks_like_a_secret_is_cut_out_and_the_rest_stays(text: str, hidden: str) -> None:
    assert hide_secrets(text) == hidden
    assert hide_secrets(hidden) == hidden
    assert secrets_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8000/users/@me?sort_key=a&page=2",
        "the token is bad; Basic authentication needed; password: expected text",
        "topology[0].env.API_TOKEN: expected text",
        "KeyError: 'API_TOKEN'",
        "--no-auth server --auth=false --auth-port=1234 --session-timeout 30 --key-file k.pem --max-tokens 5",
        "author=ann, opinion=good, bypass=x, authority=none",
        'Bearer {env:TOKEN}; postgres://ann:{env:PW}@db; token={env:T}; "password": "{password}"',
        "a" * 64 + " sha256=" + "0123456789abcdef" * 4,
        "ask-me-something-about-this-long-name sk-short ghp_short",
    ],
)
def test_what_does_not_is_left_as_it_is(text: str) -> None:
    assert hide_secrets(text) == text


@pytest.mark.parametrize(
    "part", ["a.", "-", "a", "a-", "eyJ", "_pass", "://", "Basic ", "x@", "a:", '"', "=", "--token"]
)
def test_no_text_takes_long(part: str) -> None:
    began_s = time.monotonic()
    hide_secrets(part * (60_000 // len(part)))
    hide_secrets(f"http://{part * (60_000 // len(part))}")
    assert time.monotonic() - began_s < 10  # seconds where steps multiply; tenths of one where they don't


def test_a_name_tells_by_its_last_word() -> None:
    for name in (
        "password",
        "DB_PASS",
        "apiKey",
        "X-Api-Key",
        "x-key",
        "client_secret",
        "sessionid",
        "JWT",
        "user.pin",
    ):
        assert sounds_secret(name), name
    for name in ("token_ttl", "password_file", "compass", "pinned", "key", "author", "session_timeout", "secretary"):
        assert not sounds_secret(name), name


@pytest.mark.parametrize(
    ("before", "word", "secret"),
    [
        ("--password", "a b", "a b"),
        ("--password", "--port", ""),
        ("--password-file", "/run/x", ""),
        ("password", "x", ""),
        ("", "--password=a b}}c", "a b}}c"),
        ("", "PASSWORD=a b", "a b"),
        ("", "--password=", ""),
        ("", "--auth=false", ""),
        ("", "--password", ""),
    ],
)
def test_a_word_of_a_command_is_told_by_the_option_before_it_or_in_it(before: str, word: str, secret: str) -> None:
    assert secret_of_word(word, before) == secret


@given(st.text(min_size=8), st.text(max_size=9), st.text(max_size=9))
def test_a_known_value_is_found_however_it_is_written(value: str, before: str, behind: str) -> None:
    redactor = Redactor([value])
    if redactor.redact(value) != REDACTED:
        return  # a number, an address, or blanks
    for form in (value, value.strip(), repr(value)[1:-1], json.dumps(value)[1:-1], quote(value), quote(value, safe="")):
        assert form not in redactor.redact(before + form + behind).replace(REDACTED, "")


@pytest.mark.parametrize(
    ("value", "text", "redacted"),
    [
        ("hunter2", "pw hunter2!", "pw (redacted)!"),
        ("hunter2", "xhunter2", "xhunter2"),
        ("hunter22", "xhunter22y", "x(redacted)y"),
        ("line-one-1\nline-two-2", "log: line-two-2", "log: (redacted)"),
        ("Basic YW5uOmh1bnRlcjIy", "bad password hunter22", "bad password (redacted)"),
        ("{'a': 1}", "{'a': 1}", "(redacted)"),
        *((short, f"{short} is {short}", f"{short} is {short}") for short in ("abc", "true", "8080", "server", "p99")),
        *((short, f"{short} is {short}", f"{short} is {short}") for short in ("1234567890", "production", "127.0.0.1")),
    ],
)
def test_a_short_word_or_a_number_makes_no_holes_in_texts(value: str, text: str, redacted: str) -> None:
    assert Redactor([value]).redact(text) == redacted
