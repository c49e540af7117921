"""What is judged of a person from one profile, by all methods together."""

from datetime import date

from entourage.insight import ages, genders, places, quality
from entourage.insight.model import Person, Traits


def judged(person: Person, on: date) -> tuple[Traits, float | None]:
    """The traits of a person as of `on`, and the probability that the account is genuine (None: cannot be told)."""
    country, _ = places.country(person.location, person.biography, person.name)
    gender, _ = genders.gender(person.name, person.username, person.biography)
    age, _ = ages.age(person.biography, person.name, on)
    score = quality.score(person)
    return Traits(country, gender, age, quality.level(score)), score
