"""Passwords: hashed slowly with Argon2id, in threads of their own and never inside a transaction."""

import asyncio
import base64
import secrets
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from entourage.accounts.model import PasswordHash
from entourage.kernel.errors import Invalid, Problem

SHORTEST, LONGEST = 8, 1024

_hasher = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=4)  # RFC 9106, second choice: 64 MiB
# Each hash takes 64 MiB while it runs, so only two run at once; the others wait their turn.
_threads = ThreadPoolExecutor(2, thread_name_prefix="argon2")


def _unmatched() -> PasswordHash:
    salt, digest = (base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (16, 32))
    return PasswordHash(f"$argon2id$v=19$m={_hasher.memory_cost},t=3,p=4${salt}${digest}")


_NOBODY = _unmatched()
"""What no password has, but what takes as long to compare."""


def hash_now(password: str) -> PasswordHash:
    """The hash to store; takes about 50 ms of this thread. Raises Invalid for a password too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Invalid(Problem("password", f"{SHORTEST} to {LONGEST} characters"))
    return PasswordHash(_hasher.hash(password))


async def hashed(password: str) -> PasswordHash:
    """As `hash_now`, without holding up the event loop."""
    return await asyncio.get_running_loop().run_in_executor(_threads, hash_now, password)


async def matches(stored: PasswordHash | None, password: str) -> bool:
    """Whether `password` is the one that was hashed; takes as long where there is nothing stored, and says no."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _matches, stored, password)


def _matches(stored: PasswordHash | None, password: str) -> bool:
    try:
        return _hasher.verify(stored or _NOBODY, password[: LONGEST + 1]) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


async def renewed(stored: PasswordHash, password: str) -> PasswordHash | None:
    """A new hash where `stored` was made with weaker parameters than today's, else None."""
    if not _hasher.check_needs_rehash(stored):
        return None
    return await asyncio.get_running_loop().run_in_executor(_threads, lambda: PasswordHash(_hasher.hash(password)))
