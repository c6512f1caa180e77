"""The redaction of secrets: how they are recognised, by name and by shape, and kept out of what is written.

A name is recognised by its last word (``db_password``, ``X-Api-Key``), a value by its shape: the shapes of tokens below
are those that their issuers document, so that scanners find them. High entropy alone is no sign here, where digests are
everywhere.
"""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar
from urllib.parse import quote, quote_plus

from pydantic import BaseModel

from harness.text import printable

Model = TypeVar("Model", bound=BaseModel)

REDACTED: Final = "(redacted)"
MIN_EMBEDDED_LENGTH: Final = 8  # characters from which a secret is found inside words too
MIN_LENGTH: Final = 4  # shorter secrets are not looked for, since texts would be full of gaps

_NAME: Final = (
    r"(?:[\w.-]*?(?:secret|token|passw(?:or)?d|passphrase|passcode|pwd|credentials?|creds|cookie|jwt|bearer|dsn|hmac"
    r"|auth|authori[sz]ation|signature|sess(?:ion)?[_-]?id|\bx-(?:[\w-]+-)?key"
    r"|(?:api|app|access|account|client|encryption|license|master|private|secret|service|shared|signing|ssh)[_-]?key)"
    r"|(?:[\w.-]*[_.-])?(?:pass|pw|pin|otp|salt|sig))(?:[_-]?(?:id|value|hash|\d+))?"
)
_SECRET_NAME: Final = re.compile(_NAME, re.IGNORECASE)
_OPTION_NAME: Final = rf"(?i:--?(?!-|no-|disable-|without-)(?:{_NAME}))"
_OPTION: Final = re.compile(_OPTION_NAME)

# Values that are no secrets, whatever their names.
_PLAIN_WORDS: Final = r"(?i:true|false|yes|no|on|off|none|null|basic|bearer|digest|\(redacted\))"
_PLAIN: Final = re.compile(_PLAIN_WORDS)
_OPEN: Final = re.compile(r"\{env:\w+\}|^\{\w+\}$")  # a placeholder, whose value is kept elsewhere
_HARMLESS: Final = re.compile(
    r"""[+-]?\d{1,10}(?:\.\d{1,6})?\s?(?:[kmgt]i?b?|%|[num]?s|min|[hd])?     # a number, of bytes, of seconds
    | true | false | yes | no | on | off | none | null
    | debug | info | notice | warn(?:ing)? | error | critical | trace
    | dev(?:elopment)? | prod(?:uction)? | test(?:ing)? | staging | local
    # or an address of this machine, less the placeholders in it
    | (?:(?:https?|tcp|unix):(?://)?)? (?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[?::1?\]?)? [:/,\s]* \d{0,5} [:/,\s]*""",
    re.IGNORECASE | re.VERBOSE,
)

# By the pages that document the formats. The secret is the first group, or the whole match where there is none.
TOKEN_SHAPES: Final[dict[str, str]] = {
    "docs.github.com, About authentication to GitHub": r"\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,})",
    "docs.gitlab.com, Token overview": r"\bgl(?:pat|oas|dt|rt|cbt|ptt|ft|imt|agent)-[\w-]{20,}",
    "docs.aws.amazon.com, IAM identifiers": r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b",
    "cloud.google.com, API keys; OAuth 2.0": r"\b(?:AIza[\w-]{35}|ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,})",
    "docs.stripe.com, API keys": r"\b(?:(?:sk|rk|pk)_(?:live|test)_\w{16,}|whsec_\w{16,})",
    "platform.openai.com, docs.anthropic.com, API keys": r"\bsk-[\w-]{20,}",
    "api.slack.com, Token types; Incoming webhooks": r"\bxox[a-z]-[\w-]{10,}|hooks\.slack\.com/services/([\w/]+)",
    "npm documentation, Access tokens": r"\bnpm_\w{36}",
    "Python package index, API tokens": r"\bpypi-[\w-]{32,}",
    "docs.sendgrid.com, API keys": r"\bSG\.[\w-]{16,}\.[\w-]{16,}",
    "docs.digitalocean.com, Tokens": r"\bdo[opr]_v1_[0-9a-f]{64}",
    "huggingface.co, User access tokens": r"\bhf_[A-Za-z0-9]{30,}",
    "developer.hashicorp.com, Vault tokens": r"\bhv[sbr]\.[\w-]{20,}",
    "learn.microsoft.com, Storage connection strings": r"\bAccountKey=([\w+/=]{20,})",
    "RFC 7519, JSON Web Token": r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?",
    "RFC 7468, private keys": r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    "RFC 3986, user information": r"\b[A-Za-z][A-Za-z0-9+.-]{0,30}://([^\s/?#'\"<>]+)@",
    "RFC 6750 and 7617, credentials": r"\b(?:Bearer|Basic)\s+((?=\S*(?:\d|[a-z][A-Z]))[\w.~+/=-]{6,})",
}
_NOT_PLAIN: Final = rf"(?!{_PLAIN_WORDS}(?![\w-]))"
_ASSIGNED: Final = (
    rf"(?i:(?<![\w.-])[\"']?(?=[\w.-]++[\"'=])(?:{_NAME})(?:[\"']\s*[:=]\s*|=)){_NOT_PLAIN}"
    r"(\{\S*?\}|\"(?:[^\"\\\0]|\\.)*\"|'(?:[^'\\\0]|\\.)*'|[^\s&;,'\"\0}\]]+)"
)
_HEADER: Final = (
    r"(?i:\b(?:(?:Proxy-)?Authorization|(?:Set-)?Cookie|X-[\w-]*(?:Key|Token|Secret|Auth|Signature)):[ \t]*+"
    rf"(?:(?:Basic|Bearer|Digest|Token)[ \t]++)?){_NOT_PLAIN}([^\r\n\0'\"]+)"
)
_SHAPES: Final = tuple(
    map(
        re.compile,
        (*TOKEN_SHAPES.values(), _ASSIGNED, _HEADER, rf"(?<!\S){_OPTION_NAME}\s+(?!-){_NOT_PLAIN}([^\s\0]+)"),
    )
)


def sounds_secret(name: str) -> bool:
    """Return whether the value of a variable, a header, an option or a field of this name is likely to be a secret."""
    return _SECRET_NAME.fullmatch(name) is not None


def is_harmless(value: str) -> bool:
    """Return whether a value, without its placeholders, is a number, a switch, a level or an address of this
    machine."""
    return _HARMLESS.fullmatch(value) is not None


def secrets_in(text: str) -> list[str]:
    """Return the parts of a text that look like secrets, or follow a name that sounds like one. Of a user with a
    password, the password is returned too."""
    found = [_secret_of(match) for shape in _SHAPES for match in shape.finditer(text)]
    return [part for secret in found if secret for part in (secret, secret.partition(":")[2]) if part]


def secret_of_word(word: str, before: str = "") -> str:
    """Return the part of a command's word that is a secret by its name: all of it after ``--password``, the value in
    ``--password=…`` and ``PASSWORD=…``; empty where there is none. ``before`` is the word before it."""
    if _OPTION.fullmatch(before) and not word.startswith("-") and not _is_plain(word):
        return word
    name, _, value = word.partition("=")
    return value if sounds_secret(name.lstrip("-")) and not _is_plain(value) else ""


def hide_secrets(text: str) -> str:
    """Return the text without the parts that look like secrets, or follow a name that sounds like one."""
    for shape in _SHAPES:
        text = shape.sub(_hide, text)
    return text


class Redactor:
    """A filter that cuts these ``values``, and all that looks like a secret, out of texts.

    A value is found as it is, and as it is written in URLs, JSON, logs and Base64. A value of fewer than eight
    characters is found as a whole word only. Not looked for are values of fewer than four characters, plain words of
    fewer than eight, and harmless values (:func:`is_harmless`): they can't be distinguished from ordinary text, which
    would be full of gaps.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        forms = {form for value in values for form in _forms(value) if _is_distinctive(form)}
        patterns = [_pattern(form) for form in sorted(forms, key=len, reverse=True)]
        self._known = re.compile("|".join(patterns)) if patterns else None

    def redact(self, text: str) -> str:
        """Return the text without secrets."""
        return hide_secrets(self._known.sub(REDACTED, text) if self._known else text)

    def as_written(self, data: Model) -> Model:
        """Return the data without secrets in its fields of type :data:`harness.text.Printable`."""
        return type(data).model_validate_json(data.model_dump_json(context=self.redact))


def _secret_of(match: re.Match[str]) -> str:
    """Return the part of the match that is a secret; empty where it is a placeholder or a plain word."""
    secret = match[match.lastindex or 0].strip("\"'")
    return "" if _is_plain(secret) or _is_plain(secret.partition(":")[2]) else secret


def _is_plain(word: str) -> bool:
    return _PLAIN.fullmatch(word) is not None or _OPEN.search(word) is not None


def _hide(match: re.Match[str]) -> str:
    secret = _secret_of(match)
    return match[0].replace(secret, REDACTED) if secret else match[0]


def _forms(value: str) -> Iterator[str]:
    """Yield the ways in which a value may be written, also those of each of its lines."""
    texts = {value, *value.splitlines(), *secrets_in(value)}
    for text in {each.strip() for each in texts}:
        data = text.encode("utf-8", "surrogateescape")
        yield from (text, printable(text), repr(text)[1:-1], json.dumps(text)[1:-1], quote(data), quote_plus(data))
        yield from (quote(data, safe=""), b64encode(data).decode("ascii"))
        yield from _basic_password(text)


def _basic_password(text: str) -> Iterator[str]:
    """Yield the password in Basic credentials (RFC 7617)."""
    scheme, _, encoded = text.partition(" ")
    if scheme.lower() == "basic":
        try:
            yield b64decode(encoded).decode().partition(":")[2]
        except ValueError:
            return


def _is_distinctive(text: str) -> bool:
    if len(text) < MIN_LENGTH or is_harmless(text):
        return False
    return len(text) >= MIN_EMBEDDED_LENGTH or not text.isalpha()


def _pattern(form: str) -> str:
    return re.escape(form) if len(form) >= MIN_EMBEDDED_LENGTH else rf"(?<!\w){re.escape(form)}(?!\w)"
