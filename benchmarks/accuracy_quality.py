"""How well genuine and bought accounts are told apart, and how near the share of bought followers comes."""

from collections.abc import Iterator, Sequence

import numpy as np
from sklearn.metrics import matthews_corrcoef, roc_auc_score

from benchmarks import training
from benchmarks.accuracy import Row
from entourage.insight import quality

TWITTER = "Twitter 2015 (E13, TFP genuine; FSF, INT bought)"
INSTAGRAM = "Instagram, 576 profiles"
SEEDS = range(5)
SAMPLE = 300
SAMPLES = 1000


def rows() -> Iterator[Row]:
    """Each network by itself, then what was not learnt from: other sellers, other networks; then the share."""
    everybody = training.accounts()
    twitter = [known for known in everybody if known.person.network == "twitter"]
    instagram = [known for known in everybody if known.person.network == "instagram"]
    yield from _told_apart(twitter, TWITTER, auc="0.9975", correlation="0.966")
    yield from _told_apart(instagram, INSTAGRAM)
    yield from _told_apart(everybody, "both, by the weights for other networks")
    for group in sorted({known.group for known in twitter}):
        right = training.without(twitter, group) >= training.LEVELS[1]
        kind = next(known.bought for known in twitter if known.group == group)
        figure = float((~right if kind else right).mean())
        words = "bought, found" if kind else "genuine, not suspected"
        yield Row("quality", f"Twitter 2015, {group}", right.size, f"{words}; learnt without {group}", f"{figure:.3f}")
    yield _crossed(instagram, twitter, f"{TWITTER}; learnt on Instagram only")
    yield _crossed(twitter, instagram, f"{INSTAGRAM}; learnt on Twitter only")
    yield from _shares(twitter, TWITTER, elsewhere="0.0065")
    yield from _shares(instagram, INSTAGRAM)


def _told_apart(people: Sequence[training.Known], data: str, *, auc: str = "", correlation: str = "") -> Iterator[Row]:
    bought = np.array([known.bought for known in people])
    said = [training.out_of_fold(people, seed) for seed in SEEDS]
    areas = [float(roc_auc_score(~bought, each)) for each in said]
    agreed = [float(matthews_corrcoef(bought, each < training.LEVELS[1])) for each in said]
    yield Row("quality", data, len(people), "AUC, 10-fold, mean of 5 draws", f"{np.mean(areas):.4f}", auc)
    yield Row("quality", data, len(people), "MCC, 10-fold, mean of 5 draws", f"{np.mean(agreed):.3f}", correlation)


def _crossed(learnt: Sequence[training.Known], asked: Sequence[training.Known], data: str) -> Row:
    said = training.probabilities(training.learn(learnt), asked)
    area = roc_auc_score([not known.bought for known in asked], said)
    return Row("quality", data, len(asked), "AUC", f"{area:.3f}")


def _shares(people: Sequence[training.Known], data: str, elsewhere: str = "") -> Iterator[Row]:
    """Audiences of 300 with every share of bought ones, drawn from people who were not learnt from.

    The rates by which the count is corrected are those of the other half of the people, as they would be of others.
    """
    chance = np.random.default_rng(7)
    bought = np.array([known.bought for known in people])
    suspected = training.out_of_fold(people) < training.LEVELS[1]
    network = people[0].person.network
    errors: list[float] = []
    held = 0
    for _ in range(SAMPLES):
        half = chance.random(len(people)) < 1 / 2
        hits, alarms = suspected[half & bought].mean(), suspected[half & ~bought].mean()
        truth = int(chance.integers(0, SAMPLE + 1))
        drawn = np.concatenate(
            [
                chance.choice(np.flatnonzero(~half & bought), truth),
                chance.choice(np.flatnonzero(~half & ~bought), SAMPLE - truth),
            ]
        )
        count = int(suspected[drawn].sum())
        value = min(1.0, max(0.0, (count / SAMPLE - alarms) / (hits - alarms)))
        errors.append(abs(value - truth / SAMPLE))
        told = quality.bought_share(count, SAMPLE, network)
        held += told.low <= truth / SAMPLE <= told.high
    yield Row(
        "share of bought followers",
        data,
        SAMPLES,
        f"mean error, samples of {SAMPLE}",
        f"{np.mean(errors):.4f}",
        elsewhere,
    )
    yield Row("share of bought followers", data, SAMPLES, "truth within the 95 % interval", f"{held / SAMPLES:.3f}")
