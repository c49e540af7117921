"""Facts through the whole pipeline on one core: parse, place, gender, age, quality, store; with the share of each."""

import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.report import Section
from entourage.accounts.model import OPERATOR
from entourage.insight import ages, genders, grammar, importing, places, quality
from entourage.insight.importers import sources
from entourage.insight.model import Person
from entourage.kernel.db import Database
from entourage.kernel.migrate import migrate
from entourage.networks import facts
from entourage.networks.facts import Fact, PostFact, ProfileFact

NAMES = (
    "Anna Schmidt", "João Pereira", "Mehmet Demir", "Kim Minjun", "Олег Иванов", "Maria Rossi", "佐藤 花子",
    "Café Central", "Fatima Zahra", "Lars Olsen", "Li Wei", "Emily Brown", "Carlos Ruiz", "Nguyen Van An",
)  # fmt: skip
PLACES = ("Paris, France", "São Paulo", "Berlin", "NYC", "İstanbul", "Tokyo, Japan", "somewhere warm", None, None,
          "Lagos", "Los Angeles, CA", "Москва", "Jakarta", "Toronto")  # fmt: skip
WORDS = ("travel", "food", "dog mom", "engineer", "football", "25 y/o", "photography", "she/her", "music all day",
         "coffee first", "student of law", "DM for business")  # fmt: skip


def lines(count: int) -> Iterator[bytes]:
    """So many profiles, every one somebody else."""
    draw = random.Random(1)
    seen = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(count):
        yield facts.encoded(
            ProfileFact(
                network="instagram",
                id=str(10_000_000 + number),
                username=f"{draw.choice(WORDS).split()[0]}.{draw.randrange(10**6)}",
                name=f"{draw.choice(NAMES)}",
                biography=f"{draw.choice(WORDS)} | {draw.choice(WORDS)} | {draw.randrange(1000)}",
                picture="https://cdn.example/picture.jpg",
                link=None,
                location=draw.choice(PLACES),
                followers=draw.randrange(5_000),
                follows=draw.randrange(2_000),
                posts=draw.randrange(500),
                is_private=False,
                is_verified=False,
                seen_at=seen,
            )
        )


def _stage(work: Callable[[Fact], object], told: Sequence[Fact]) -> float:
    begin = time.perf_counter()
    for fact in told:
        work(fact)
    return time.perf_counter() - begin


def _person(fact: ProfileFact) -> Person:
    told: dict[str, Any] = {name: getattr(fact, name) for name in Person.__slots__}
    known: dict[str, Any] = {name: None if value is msgspec.UNSET else value for name, value in told.items()}
    return Person(**known)


def measure(*, small: bool) -> Section:
    """Import them, then time what the import is made of."""
    count = 20_000 if small else 200_000
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "profiles.jsonl"
        with path.open("wb") as file:
            file.writelines(line + b"\n" for line in lines(count))
        url = f"sqlite:///{scratch}/entourage.db"
        migrate(url)
        database = Database(url)
        with path.open("rb") as file:
            raw = file.read().splitlines()
        told = [facts.decoded(line) for line in raw]
        people = [_person(fact) for fact in told if isinstance(fact, ProfileFact)]
        genders.gender("Anna")
        places.country("Paris")
        on = date(2026, 1, 1)
        begin = time.process_time()
        for line in raw:
            facts.decoded(line)
        parse = time.process_time() - begin
        stages = {
            "parse": parse,
            "place": _people(lambda who: places.country(who.location, who.biography, who.name), people),
            "gender": _people(lambda who: genders.gender(who.name, who.username, who.biography), people),
            "age": _people(lambda who: ages.age(who.biography, who.name, on), people),
            "quality": _people(quality.score, people),
        }
        found = database.write_now(importing.add, OPERATOR, path, "profiles", sources.fingerprint(path))
        begin, clock = time.process_time(), time.perf_counter()
        importing.run(database, found.id)
        busy, took = time.process_time() - begin, time.perf_counter() - clock
        database.close()
    stages["store, and all else"] = max(0.0, busy - sum(stages.values()))
    posts = [
        PostFact(network="instagram", id=str(n), author="1", seen_at=datetime(2026, 1, 1, tzinfo=UTC),
                 caption=f"a day with @user{n} and @b.c #travel #food{n}")
        for n in range(count)
    ]  # fmt: skip
    extract = _stage(lambda fact: grammar.mentions("instagram", getattr(fact, "caption", "")), posts)
    extract += _stage(lambda fact: grammar.hashtags("instagram", getattr(fact, "caption", "")), posts)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    rows = [
        (name, f"{1e6 * spent / count:.1f} µs", f"{100 * spent / busy:.0f} %", f"{count / spent:,.0f}/s")
        for name, spent in stages.items()
    ]
    rows.append(("all, by processor time", f"{1e6 * busy / count:.1f} µs", "100 %", f"{count / busy:,.0f}/s"))
    return Section(
        "facts",
        ("stage", "a profile", "share", "alone"),
        rows,
        [
            f"{count:,} different profiles into SQLite: {took:.1f} s by the clock, {count / took:,.0f} a second.",
            f"Mentions and hashtags of a caption take {1e6 * extract / count:.1f} µs more for each post.",
            f"This process, which holds all of them for the comparison, took {memory:,} MB.",
        ],
    )


def _people(work: Callable[[Person], object], people: Sequence[Person]) -> float:
    begin = time.process_time()
    for who in people:
        work(who)
    return time.process_time() - begin
