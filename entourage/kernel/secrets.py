"""Secrets: the server's key, what is sealed with it, and what of a text nobody may read."""

import base64
import contextlib
import os
import re
import secrets
import tempfile
from pathlib import Path
from typing import cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from entourage.kernel.errors import Damaged, Invalid, Problem

MASK = "***"
SHORTEST_KEY = 32
_NONCE = 12
_VERSION = "v1."


class Secrets:
    """Everything that depends on the server's key: without the key, what was sealed cannot be read by anyone."""

    def __init__(self, key: bytes) -> None:
        """Use `key`, of at least 32 bytes; raises Invalid for a shorter one."""
        if len(key) < SHORTEST_KEY:
            raise Invalid(Problem("secret_key", f"at least {SHORTEST_KEY} characters, better made by a machine"))
        self._key = key
        self._sealing = AESGCM(self.derive("stored secrets"))

    def derive(self, purpose: str) -> bytes:
        """A key of 32 bytes of its own for each purpose, always the same one."""
        return HKDF(SHA256(), 32, salt=None, info=f"entourage/{purpose}".encode()).derive(self._key)

    def seal(self, text: str, context: str = "") -> str:
        """`text` encrypted, fit for the database; `context` says what it is and must be given again to unseal it."""
        nonce = secrets.token_bytes(_NONCE)
        sealed = nonce + self._sealing.encrypt(nonce, text.encode(), context.encode())
        return _VERSION + base64.urlsafe_b64encode(sealed).decode("ascii")

    def unseal(self, sealed: str, context: str = "") -> str:
        """The text that was sealed; raises Damaged where it was changed, moved or sealed with another key."""
        try:
            raw = base64.urlsafe_b64decode(sealed.removeprefix(_VERSION))
            return self._sealing.decrypt(raw[:_NONCE], raw[_NONCE:], context.encode()).decode()
        except (ValueError, InvalidTag) as error:
            raise Damaged(
                "A stored secret cannot be read with this server's key. "
                "Put the old key back (secret.key in the data folder), or enter the secret again."
            ) from error


def open_key(path: Path, given: str | None = None) -> Secrets:
    """The secrets under the key that was `given`, else under the one in the file, which is made where there is none."""
    if given:
        return Secrets(given.encode())
    try:
        return Secrets(path.read_bytes().strip())
    except FileNotFoundError:
        _create(path)
        return Secrets(path.read_bytes().strip())


def readable_by_others(path: Path) -> bool:
    """Whether somebody besides the owner may read the file."""
    return bool(path.stat().st_mode & 0o077)


def _create(path: Path) -> None:
    """Make a key file, whole or not at all; whoever comes second finds the first one's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    key = secrets.token_urlsafe(48).encode() + b"\n"
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".secret-")
    try:
        _write(descriptor, key)
        try:
            os.link(name, path)
        except FileExistsError:
            return
        except OSError:  # a file system without hard links
            with contextlib.suppress(FileExistsError):
                _write(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), key)
    finally:
        Path(name).unlink()


def _write(descriptor: int, content: bytes) -> None:
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


_NAMES = (
    r"(?:access[_-]?|refresh[_-]?|api[_-]?|auth[_-]?|client[_-]?|secret[_-]?|session[_-]?|x[_-]?amz[_-]?){0,4}"
    r"(?:token|key|keyid|passwords?|passwd|passphrase|pwd|secret|signature|sig|sessionid|csrftoken|jwt|credentials?)"
)
_SECRET_NAME = re.compile(rf"{_NAMES}|authorization|(?:set-?)?cookies?|cookie_?jar", re.IGNORECASE)
_USERINFO = re.compile(r"(?<=://)[^\s/?#\"'<>]*@")
_PAIR = re.compile(
    rf"(?<![a-z0-9])({_NAMES})(\"?'?\s*[=:]\s*)(\"[^\"]*\"?|'[^']*'?|[^\s&;,\"'<>)\]}}]+)", re.IGNORECASE
)
_HEADER = re.compile(
    r"\b((?:proxy-)?authorization|(?:set-)?cookie|x-[\w-]{0,40}?(?:key|token|session)[\w-]{0,40})(\"?'?\s*[:=]\s*)"
    r"(\"[^\"\r\n]*\"?|'[^'\r\n]*'?|[^\r\n]+)",
    re.IGNORECASE,
)
_BEARER = re.compile(
    r"\b(bearer(?=\s+\S{8})|(?:basic|token)(?=\s+\S*[\d=])(?=\s+\S{8}))\s+[A-Za-z0-9._~+/=-]+", re.IGNORECASE
)
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_HINT = re.compile(r"[=:]|bearer|basic|token|eyJ", re.IGNORECASE)


def redact(text: str) -> str:
    """`text` without passwords in addresses, secret query values, credentials in headers, and tokens."""
    if not _HINT.search(text):
        return text
    text = _USERINFO.sub(f"{MASK}@", text)
    text = _HEADER.sub(rf"\1\2{MASK}", text)
    text = _BEARER.sub(rf"\1 {MASK}", text)
    text = _JWT.sub(MASK, text)
    return _PAIR.sub(rf"\1\2{MASK}", text)


def redact_value(value: object, name: str = "") -> object:
    """`value` with every text in it redacted, and masked whole where its name says that it is a secret."""
    if name and value is not None and not isinstance(value, bool) and _SECRET_NAME.fullmatch(name):
        return MASK
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        pairs = cast("dict[object, object]", value).items()
        return {str(key): redact_value(inner, str(key)) for key, inner in pairs}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact_value(inner) for inner in cast("list[object]", value)]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(str(value))


def mask(secret: str | None) -> str:
    """What is shown of a secret: only whether there is one."""
    return MASK if secret else ""


def mask_url(url: str) -> str:
    """A URL with its password masked and the rest readable."""
    return re.sub(r"(?<=://)([^\s/?#:@]*)(?::[^\s/?#]*)?@", rf"\1:{MASK}@", _PAIR.sub(rf"\1\2{MASK}", url))
