"""A million channels and fifty million facts, written straight into a database: no importer is measured by them.

Channel 1 has everybody as followers, the next two thousand have ten thousand each, all others a handful.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import psycopg

from entourage.insight.model import Age, Gender, Traits

LARGE, LARGE_FOLLOWERS, SMALL_FOLLOWERS = 2_000, 10_000, 24
NOW = 1_790_000_000_000
DAY = 86_400_000
_COUNTRIES = ("US", "BR", "ID", "IN", "DE", "FR", "GB", "JP", "MX", "TR", "IT", "ES", None, None)


@dataclass(frozen=True, slots=True)
class Written:
    """How much there is."""

    channels: int
    facts: int


def _codes() -> Sequence[int]:
    """Traits as they are among people, 97 of them, so that they do not follow any other number here."""
    return [
        Traits(_COUNTRIES[i % 14], Gender(i % 3), Age((i // 3) % 7 if i % 5 == 0 else 0), 1 + (i * 7 % 5)).code
        for i in range(97)
    ]


@contextlib.contextmanager
def _sqlite(url: str) -> Generator[Callable[[str], int]]:
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as raw:
        for pragma in ("journal_mode=WAL", "synchronous=OFF", "cache_size=-1000000", "temp_store=MEMORY"):
            raw.execute(f"PRAGMA {pragma}")
        yield lambda text: raw.execute(text).rowcount
        raw.execute("ANALYZE")
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextlib.contextmanager
def _postgres(url: str) -> Generator[Callable[[str], int]]:
    with psycopg.connect(url, autocommit=True) as raw:
        raw.execute("SET synchronous_commit = off")
        raw.execute("SET maintenance_work_mem = '1GB'")
        yield lambda text: raw.execute(text.encode()).rowcount
        raw.execute("VACUUM ANALYZE")
        raw.execute("CHECKPOINT")  # else what was just written would go to the disk while we measure


_LATER = (
    ("ix_follows_follower_id_followed_id", "follows", "follower_id, followed_id"),
    ("ix_follows_followed_id_noted_at", "follows", "followed_id, noted_at"),
)
"""Indexes that are quicker made once than kept in step with forty-five million rows."""


def fill(url: str, channels: int) -> Written:
    """Write them; the database is migrated and empty."""
    lite = url.startswith("sqlite:")
    twelve = "printf('%012d', v)" if lite else "lpad(v::text, 12, '0')"
    large = min(LARGE, channels // 500)
    many = min(LARGE_FOLLOWERS, channels // 10)
    with (_sqlite if lite else _postgres)(url) as run:
        run("CREATE TABLE numbers_of_benchmark (v BIGINT PRIMARY KEY)")
        series = (
            f"WITH RECURSIVE s(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM s WHERE v < {channels}) SELECT v FROM s"
            if lite
            else f"SELECT generate_series(1, {channels})"
        )
        run(f"INSERT INTO numbers_of_benchmark {series}")
        run("CREATE TABLE codes_of_benchmark (i BIGINT PRIMARY KEY, code BIGINT)")
        run("INSERT INTO codes_of_benchmark VALUES " + ", ".join(f"({i}, {code})" for i, code in enumerate(_codes())))
        for name, _, _ in _LATER:
            run(f"DROP INDEX {name}")
        facts = sum(run(text) for text in _statements(channels, large, many, twelve))
        for name, table, columns in _LATER:
            run(f"CREATE INDEX {name} ON {table} ({columns})")
        run("DROP TABLE numbers_of_benchmark")
        run("DROP TABLE codes_of_benchmark")
        if not lite:
            for table in ("channels", "posts", "comments"):
                run(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")
    return Written(channels, facts)


_STATEMENTS = """
INSERT INTO channels (id, uuid, network, native_id, username, handle, name, biography, picture, link, location,
    followers, follows, posts, is_private, is_verified, first_seen, seen_at, gone_at, traits, score)
SELECT v, '00000000-0000-5000-8000-' || {twelve}, 'instagram', 'n' || v, 'user' || v, 'user' || v,
    'Anna Schmidt ' || v, 'travel and food, one plate at a time', 'https://cdn.example/' || v || '.jpg', NULL, 'Paris',
    {followers}, 300, 40, 1 = 0, 1 = 0, {NOW} - 360 * {DAY}, {NOW}, NULL, code, 0.9
FROM numbers_of_benchmark JOIN codes_of_benchmark ON i = v % 97;

INSERT INTO snapshots SELECT v, {NOW}, 'user' || v, {followers}, 300, 40 FROM numbers_of_benchmark;

INSERT INTO snapshots SELECT a.v, {NOW} - b.v * {DAY}, 'user' || a.v, 20000 - b.v * 7, 300, 40
FROM numbers_of_benchmark a JOIN numbers_of_benchmark b ON b.v <= 359 WHERE a.v <= {large};

INSERT INTO follows (followed_id, follower_id, since, seen_at, until, noted_at, noted_before)
SELECT followed, follower, {NOW} - 90 * {DAY} + follower % 5000, {NOW} - {DAY}, NULL,
    {NOW} - 80 * {DAY} + follower % 5000, NULL
FROM (
    SELECT 1 AS followed, v AS follower FROM numbers_of_benchmark WHERE v > 1
    UNION ALL
    SELECT a.v, (a.v * 7919 + b.v * 97) % {channels} + 1
    FROM numbers_of_benchmark a JOIN numbers_of_benchmark b ON b.v <= {many} WHERE a.v > 1 AND a.v <= {large}
    UNION ALL
    SELECT a.v, (a.v * 31 + b.v * 7919) % {channels} + 1
    FROM numbers_of_benchmark a JOIN numbers_of_benchmark b ON b.v <= {few} WHERE a.v > {large}
) AS edges;

INSERT INTO posts (id, network, native_id, author_id, url, caption, posted_at, likes, comments, media, tags, mentions,
    seen_at, counted_at, gone_at)
SELECT v, 'instagram', 'p' || v, CASE WHEN v % 4 = 0 THEN v % {large} + 1 ELSE v END,
    'https://www.instagram.com/p/' || v, 'a good day with @user' || (v % {large} + 1) || ' #travel',
    {NOW} - v % 5000 * 3600000, v % 900, v % 40, '[]', '["travel"]', '[]', {NOW}, {NOW}, NULL
FROM numbers_of_benchmark;

INSERT INTO mentions SELECT 'user' || (v % {large} + 1), 'instagram', v, 1 + v % 5, {NOW} FROM numbers_of_benchmark;

INSERT INTO likes SELECT v, (v * 31 + 7) % {channels} + 1, {NOW} FROM numbers_of_benchmark;

INSERT INTO comments (id, network, native_id, post_id, author_id, text, posted_at)
SELECT v, 'instagram', 'c' || v, v, (v * 17 + 3) % {channels} + 1, 'lovely', {NOW}
FROM numbers_of_benchmark WHERE v % 2 = 0;
"""


def _statements(channels: int, large: int, many: int, twelve: str) -> Sequence[str]:
    followers = f"CASE WHEN v = 1 THEN {channels} WHEN v <= {large} THEN {many} ELSE {SMALL_FOLLOWERS} END"
    filled = _STATEMENTS.format(
        NOW=NOW, DAY=f"CAST({DAY} AS BIGINT)", channels=channels, large=large, many=many, few=SMALL_FOLLOWERS,
        twelve=twelve, followers=followers,
    )  # fmt: skip
    return [text for text in filled.split(";\n") if text.strip()]
