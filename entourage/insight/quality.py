"""Whether an account looks genuine or bought: a logistic model with few, plain inputs, and what follows from it.

The weights are in data/quality.json, made by `python -m benchmarks.training` from public data; nothing is learnt here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import exp, log1p
from pathlib import Path

import msgspec

from entourage.insight.estimates import Estimate, Method, adjusted, mean
from entourage.insight.model import Person

SOURCE = (
    "Trained on the accounts of Cresci et al., Decision Support Systems 80 (2015), 56-71 (Twitter, two sellers), and "
    "on the public set of 576 Instagram profiles, half of them fake; the share is the adjusted count of Rogan and "
    "Gladen, American Journal of Epidemiology 107 (1978), 71-76."
)
METHOD = Method(
    "quality",
    "Each follower's profile is compared with accounts that are known to be bought and accounts that are known to be "
    "genuine: how much they post, how many follow them and whom they follow, digits in the user name, a link, a "
    "picture, a biography. That gives a level from 1 (looks bought) to 5 (looks genuine). The grade is the mean "
    "of the levels of everybody judged, where 1 counts 0 and 5 counts 100.",
    SOURCE,
    1,
)
BOUGHT = Method(
    "bought",
    "The share of followers that were bought, from how many have level 1 or 2. Because the levels miss some bought "
    "accounts and suspect some genuine ones, the count is corrected by how often each happened on accounts that are "
    "known; the interval holds what chance and other sellers can do to it.",
    SOURCE,
    2,
)

BENDS = (4.0, 6.0)
"""Where the effect of whom one follows may change: at 54 and at 402 accounts (logarithms of one more)."""
FEATURES = ("posts", "followers", "follows", "over 54", "over 402", "ratio", "biography", "digits", "link", "picture")
"""Counts and lengths as the logarithm of one more; "ratio" is that of followers less that of follows."""
WORTH = (0.0, 25.0, 50.0, 75.0, 100.0)
"""What each level adds to the grade."""
SUSPICIOUS = 2
"""The highest level that looks bought."""
_DATA = Path(__file__).parent / "data" / "quality.json"
_ANY = "any"
_ALIKE = {"tiktok": "instagram"}
"""Networks whose profiles are judged as another's: the same things are shown, and sold."""
_NO_DIGITS = str.maketrans("", "", "0123456789")
# Pictures that networks show for those who have none.
_NO_PICTURE = ("/missing.png", "default_profile_normal.png", "default_profile.png", "default_profile_400x400.png")
_INSTAGRAM_NO_PICTURE = "44884218_345707102882519_2446069589734326272"
_STEEPEST = 30.0


class Model(msgspec.Struct, frozen=True):
    """The weights of one network, towards genuine. `means` are what counts as neither: an unknown input is there."""

    intercept: float
    weights: tuple[float, ...]
    means: tuple[float, ...]
    hits: float
    """The share of bought accounts with level 1 or 2, out of fold, and its standard deviation between sellers."""
    hits_deviation: float
    alarms: float
    """The same of genuine accounts."""
    alarms_deviation: float


class Shipped(msgspec.Struct, frozen=True):
    """The file: a model for each network that was learnt, and "any" for all others."""

    about: str
    version: int
    levels: tuple[float, float, float, float]
    """The probabilities at which the next level begins; the second is the threshold of the decision."""
    models: dict[str, Model]


@dataclass(frozen=True, slots=True)
class Reason:
    """Something that was seen, and what it does to the odds: above 0 towards genuine, below towards bought."""

    words: str
    effect: float
    """In natural logarithms of the odds: 0.7 doubles them."""


@cache
def shipped() -> Shipped:
    """What is in data/quality.json."""
    return msgspec.json.decode(_DATA.read_bytes(), type=Shipped)


def model_of(network: str) -> Model:
    """The model by which people of `network` are judged."""
    models = shipped().models
    return models.get(_ALIKE.get(network, network)) or models[_ANY]


def score(person: Person) -> float | None:
    """The probability that the account is genuine, where as many are bought as not; None: no number is known."""
    try:
        terms = _ready[person.network]
    except KeyError:
        terms = _ready[person.network] = _made_ready(model_of(person.network))
    return _judged(person, terms)


def judged(person: Person, model: Model) -> float | None:
    """As `score`, by the weights of `model`."""
    return _judged(person, _made_ready(model))


def level(probability: float | None) -> int:
    """0 where nothing is known, else 1 to 5; 1 and 2 look bought."""
    if probability is None:
        return 0
    first, second, third, fourth = _levels()
    if probability < second:
        return 1 if probability < first else 2
    if probability < third:
        return 3
    return 4 if probability < fourth else 5


def measures(person: Person) -> dict[str, float]:
    """The inputs of the model that are known of a person, by their names in FEATURES."""
    known: dict[str, float] = {}
    if person.posts is not None:
        known["posts"] = log1p(person.posts)
    if person.followers is not None:
        known["followers"] = log1p(person.followers)
    if person.follows is not None:
        known["follows"] = log1p(person.follows)
        known["over 54"] = max(0.0, known["follows"] - BENDS[0])
        known["over 402"] = max(0.0, known["follows"] - BENDS[1])
    if "followers" in known and "follows" in known:
        known["ratio"] = known["followers"] - known["follows"]
    known["biography"] = log1p(len(person.biography or ""))
    if person.username:
        known["digits"] = 1 - len(person.username.translate(_NO_DIGITS)) / len(person.username)
    known["link"] = 1.0 if person.link else 0.0
    known["picture"] = 1.0 if _pictured(person.picture) else 0.0
    return known


def explain(person: Person) -> Sequence[Reason]:
    """What speaks for and against the account, the largest effect first; nothing where it cannot be judged."""
    if person.posts is None and person.followers is None and person.follows is None:
        return ()
    model, known = model_of(person.network), measures(person)
    effects: dict[str, float] = {}
    for name, weight, usual in zip(FEATURES, model.weights, model.means, strict=True):
        if weight and name in known:
            about = "follows" if name.startswith("over ") else name
            effects[about] = effects.get(about, 0.0) + weight * (known[name] - usual)
    reasons = [Reason(_words(name, person), effect) for name, effect in effects.items()]
    return sorted(reasons, key=lambda reason: -abs(reason.effect))


def bought_share(suspicious: int, judged_people: int, network: str = "", *, population: int | None = None) -> Estimate:
    """The share of bought accounts where `suspicious` of `judged_people` have level 1 or 2, with its 95 % interval."""
    model = model_of(network)
    return adjusted(
        suspicious,
        judged_people,
        hits=model.hits,
        hits_deviation=model.hits_deviation,
        alarms=model.alarms,
        alarms_deviation=model.alarms_deviation,
        population=population,
    )


def grade(levels: Mapping[int, int], *, population: int | None = None) -> Estimate:
    """The mean worth of the people judged, 0 to 100: levels 1 to 5 are worth 0, 25, 50, 75 and 100.

    `levels` counts people by level; those of level 0 are left out. One more person of each level keeps a small sample
    that agrees from looking certain.
    """
    counts = [levels.get(number, 0) for number in range(1, 6)]
    size = sum(counts)
    if not size:
        return Estimate(0.0, 0.0, 100.0, 0, population)
    value = sum(count * worth for count, worth in zip(counts, WORTH, strict=True)) / size
    centre = sum((count + 1) * worth for count, worth in zip(counts, WORTH, strict=True)) / (size + 5)
    spread = sum((count + 1) * (worth - centre) ** 2 for count, worth in zip(counts, WORTH, strict=True)) / (size + 5)
    found = mean(value, spread**0.5, size, population)
    return Estimate(value, max(0.0, found.low), min(100.0, found.high), size, population)


_Terms = tuple[float, ...]
_ready: dict[str, _Terms] = {}


def _made_ready(model: Model) -> _Terms:
    """The numbers that `_judged` and `_counts` need, in their order; what never varies is added up."""
    of, usual = (dict(zip(FEATURES, values, strict=True)) for values in (model.weights, model.means))
    absent = -of["link"] * usual["link"] - of["picture"] * usual["picture"]
    bent = sum(of[name] * usual[name] for name in ("follows", "over 54", "over 402"))
    looks = (of["biography"], usual["biography"], of["digits"], usual["digits"], absent, of["link"], of["picture"])
    counts = (of["posts"], usual["posts"], of["followers"], usual["followers"], of["follows"])
    return (model.intercept, *looks, *counts, of["over 54"], of["over 402"], bent, of["ratio"], usual["ratio"])


@cache
def _levels() -> tuple[float, float, float, float]:
    return shipped().levels


def _judged(person: Person, terms: _Terms) -> float | None:
    # The same as the sum over `measures`, without its dictionary: a million followers pass here. A test compares them.
    intercept, of_biography, usual_biography, of_digits, usual_digits, absent, of_link, of_picture = terms[:8]
    counted = _counts(person.posts, person.followers, person.follows, terms)
    if counted is None:
        return None
    total = intercept + counted + absent
    if of_biography:
        total += of_biography * (log1p(len(person.biography or "")) - usual_biography)
    username = person.username
    if of_digits and username:
        total += of_digits * (1 - len(username.translate(_NO_DIGITS)) / len(username) - usual_digits)
    if person.link:
        total += of_link
    if of_picture and _pictured(person.picture):
        total += of_picture
    return 1 / (1 + exp(-max(-_STEEPEST, min(_STEEPEST, total))))


def _counts(posts: int | None, followers: int | None, follows: int | None, terms: _Terms) -> float | None:
    of_posts, usual_posts, of_followers, usual_followers, of_follows, first, second, bent, of_ratio, usual_ratio = (
        terms[8:]
    )
    if posts is not None:
        total = of_posts * (log1p(posts) - usual_posts)
    elif followers is None and follows is None:
        return None
    else:
        total = 0.0
    many = None if followers is None else log1p(followers)
    if many is not None:
        total += of_followers * (many - usual_followers)
    if follows is not None:
        number = log1p(follows)
        total += of_follows * number + first * max(0.0, number - BENDS[0]) + second * max(0.0, number - BENDS[1]) - bent
        if many is not None:
            total += of_ratio * (many - number - usual_ratio)
    return total


def _pictured(picture: str | None) -> bool:
    return bool(picture) and not picture.endswith(_NO_PICTURE) and _INSTAGRAM_NO_PICTURE not in picture


def _words(name: str, person: Person) -> str:
    digits = len(person.username) - len(person.username.translate(_NO_DIGITS))
    return {
        "posts": _counted(person.posts, "post", "posts"),
        "followers": _counted(person.followers, "follower", "followers"),
        "follows": f"follows {_counted(person.follows, 'account', 'accounts')}",
        "ratio": _compared(person.followers or 0, person.follows or 0),
        "biography": f"a biography of {len(person.biography)} characters" if person.biography else "no biography",
        "digits": f"{_counted(digits, 'digit', 'digits')} in a user name of {len(person.username)} characters",
        "link": "a link in the profile" if person.link else "no link in the profile",
        "picture": "a picture of its own" if _pictured(person.picture) else "no picture of its own",
    }[name]


def _counted(number: int | None, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}" if number else f"no {many}"


def _compared(followers: int, follows: int) -> str:
    if follows > followers:
        return f"follows {(follows + 1) / (followers + 1):,.1f} times as many as follow it"
    return f"is followed by {(followers + 1) / (follows + 1):,.1f} times as many as it follows"
