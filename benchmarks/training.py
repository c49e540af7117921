"""`python -m benchmarks.training`: learn the weights of entourage/insight/quality.py from public data and write them.

For developers only: the product reads the weights and needs neither numpy nor scikit-learn. The same data give the same
file. What it is worth is measured by benchmarks/accuracy_quality.py.
"""

import csv
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from benchmarks.accuracy import DATA
from entourage.insight import quality
from entourage.insight.model import Person

TARGET = Path(__file__).parent.parent / "entourage" / "insight" / "data" / "quality.json"
VERSION = 1
FOLDS = 10
STRENGTH = 2.0
"""The inverse of how strongly weights are held back (scikit-learn's C), for inputs of standard deviation 1."""
LEVELS = (0.1, 0.5, 0.8, 0.95)
OUGHT = {"biography": 1, "digits": -1, "link": 1, "picture": 1}
"""The only direction in which these may count. Where the data of a network say that having a picture is suspicious,
that is a seller's habit and no sign, and the input is left out."""
MODELS = {"twitter": ("twitter",), "instagram": ("instagram",), "any": ("twitter", "instagram")}
Numbers = NDArray[np.float64]
Chosen = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Known:
    """An account of which it is known whether it was bought, and where it comes from: a seller, or genuine people."""

    person: Person
    bought: bool
    group: str


def accounts() -> list[Known]:
    """Everybody in the two public sets, as the product would see them; texts of the right length stand for theirs."""
    return [*_twitter(), *_instagram()]


def _rows(name: str) -> Iterator[Mapping[str, str]]:
    with (DATA / "audience-quality" / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _twitter() -> Iterator[Known]:
    for row in _rows("twitter_2015_train.csv"):
        digits = int(row["handle_digits"])
        yield Known(
            Person(
                "twitter",
                "1" * digits + "a" * (int(row["handle_length"]) - digits),
                name="n" * int(row["name_length"]),
                biography="b" * int(row["bio_length"]),
                picture=None if row["default_picture"] == "1" else "own.jpg",
                link="link" if row["has_url"] == "1" else None,
                location="place" if row["has_location"] == "1" else None,
                followers=int(row["followers"]),
                follows=int(row["following"]),
                posts=int(row["posts"]),
            ),
            row["fake"] == "1",
            row["group"],
        )


def _instagram() -> Iterator[Known]:
    for row in _rows("instagram_train.csv"):
        digits = round(100 * float(row["handle_digit_share"]))
        yield Known(
            Person(
                "instagram",
                "1" * digits + "a" * (100 - digits),
                biography="b" * int(row["bio_length"]),
                picture="own.jpg" if row["has_picture"] == "1" else None,
                link="link" if row["has_url"] == "1" else None,
                followers=int(row["followers"]),
                follows=int(row["following"]),
                posts=int(row["posts"]),
                is_private=row["is_private"] == "1",
            ),
            row["fake"] == "1",
            "instagram, fake" if row["fake"] == "1" else "instagram, genuine",
        )


def matrix(people: Sequence[Known]) -> Numbers:
    """The inputs of the model, as the product measures them: a row each."""
    rows: list[list[float]] = []
    for known in people:
        measured = quality.measures(known.person)
        rows.append([measured[name] for name in quality.FEATURES])
    return np.array(rows)


def learn(people: Sequence[Known], inputs: Numbers | None = None) -> quality.Model:
    """The weights that tell the bought among `people` from the others; each network and kind counts the same."""
    values = matrix(people) if inputs is None else inputs
    genuine = np.array([not known.bought for known in people])
    weight = _balanced(people, genuine)
    total = weight.sum()
    means = (values * weight[:, None]).sum(0) / total
    deviations = np.sqrt(((values - means) ** 2 * weight[:, None]).sum(0) / total) + 1e-9
    scaled = (values - means) / deviations
    used = np.ones(len(quality.FEATURES), dtype=bool)
    while True:
        fitted = LogisticRegression(C=STRENGTH, max_iter=5000, tol=1e-8)
        fitted.fit(scaled[:, used], genuine, sample_weight=weight)
        weights = np.zeros(len(quality.FEATURES))
        weights[used] = np.asarray(fitted.coef_, dtype=np.float64)[0] / deviations[used]
        wrong = [at for at, name in enumerate(quality.FEATURES) if weights[at] * OUGHT.get(name, 0) < 0]
        if not wrong:
            break
        used[wrong] = False
    return quality.Model(
        intercept=_short(float(np.asarray(fitted.intercept_)[0])),
        weights=tuple(_short(value) for value in weights),
        means=tuple(_short(value) for value in means),
        hits=1.0,
        hits_deviation=0.0,
        alarms=0.0,
        alarms_deviation=0.0,
    )


def _balanced(people: Sequence[Known], genuine: Chosen) -> Numbers:
    networks = np.array([known.person.network for known in people])
    weight = np.zeros(len(people))
    for network in sorted(set(networks)):
        for kind in (False, True):
            chosen = (networks == network) & (genuine == kind)
            if chosen.any():
                weight[chosen] = 1 / chosen.sum()
    return weight * len(people) / weight.sum()


def _short(value: float) -> float:
    return float(f"{value:.5g}")


def probabilities(model: quality.Model, people: Sequence[Known]) -> Numbers:
    """What the product says of `people` with these weights: that they are genuine."""
    return np.array([quality.judged(known.person, model) for known in people])


def out_of_fold(
    people: Sequence[Known], seed: int = 0, learner: Callable[[list[Known]], quality.Model] = learn
) -> Numbers:
    """What is said of each by weights that were learnt from nine tenths without them."""
    kinds = [f"{known.person.network} {known.bought}" for known in people]
    said = np.zeros(len(people))
    for learnt, asked in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(kinds, kinds):
        model = learner([people[at] for at in learnt])
        said[asked] = probabilities(model, [people[at] for at in asked])
    return said


def without(people: Sequence[Known], group: str) -> Numbers:
    """What is said of a group by weights that were learnt without anybody of it."""
    rest = [known for known in people if known.group != group]
    return probabilities(learn(rest), [known for known in people if known.group == group])


def rates(people: Sequence[Known]) -> tuple[float, float, float, float]:
    """The share of the bought and of the genuine that look bought, out of fold, each with its standard deviation.

    The deviation holds chance and how far groups differ that were not learnt from: other sellers, other people. Where a
    network has one group of each kind, the difference between Twitter's groups stands in.
    """
    said = out_of_fold(people)
    suspected = said < LEVELS[1]
    bought = np.array([known.bought for known in people])
    found: list[float] = []
    for kind in (True, False):
        rate, size = float(suspected[bought == kind].mean()), int((bought == kind).sum())
        groups = sorted({known.group for known in people if known.bought is kind})
        if len(groups) == 1:
            apart = _apart([known for known in accounts() if known.person.network == "twitter"], kind=kind)
        else:
            apart = _apart(people, kind=kind)
        found += [_short(rate), _short(float(np.sqrt(rate * (1 - rate) / size + apart**2)))]
    return found[0], found[1], found[2], found[3]


def _apart(people: Sequence[Known], *, kind: bool) -> float:
    groups = sorted({known.group for known in people if known.bought is kind})
    unseen = [float((without(people, group) < LEVELS[1]).mean()) for group in groups]
    return float(np.std(unseen))


def shipped() -> quality.Shipped:
    """What the product reads."""
    everybody = accounts()
    models: dict[str, quality.Model] = {}
    for name, networks in MODELS.items():
        people = [known for known in everybody if known.person.network in networks]
        model = learn(people)
        hits, hits_deviation, alarms, alarms_deviation = rates(people)
        models[name] = quality.Model(
            model.intercept, model.weights, model.means, hits, hits_deviation, alarms, alarms_deviation
        )
    return quality.Shipped(
        about="Weights of entourage/insight/quality.py; made by python -m benchmarks.training, not by hand.",
        version=VERSION,
        levels=LEVELS,
        models=models,
    )


def main() -> int:
    """Write the weights."""
    made = shipped()
    models = {
        name: {key: getattr(model, key) for key in model.__struct_fields__} for name, model in made.models.items()
    }
    text = json.dumps({"about": made.about, "version": made.version, "levels": made.levels, "models": models}, indent=1)
    TARGET.write_text(text + "\n", "utf-8")
    print(f"{TARGET.name}: {len(accounts())} accounts, {len(text)} characters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
