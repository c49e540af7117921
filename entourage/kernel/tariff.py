"""What calls cost and which plans there are, as the operator writes them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

RESOURCES: Final = (
    "search",
    "channel",
    "audience",
    "quality",
    "incoming-mentions",
    "outgoing-mentions",
    "follower-changes",
    "engaged",
    "content",
)
"""What is sold."""
PRICE: Final = 5
"""Credits that a call costs where nothing else is set."""
PLANS: Final = ("full=10000", "basic=1000:search+channel+content+follower-changes")
MOST: Final = 10**12
"""Credits beyond this are a mistake."""

_PLAN = re.compile(r"([a-z][a-z0-9-]{0,31})=([0-9]{1,13})(?::([a-z+-]+))?")
_PRICE = re.compile(r"([a-z-]+)=([0-9]{1,13})")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a user gets each month, and which resources may be asked for."""

    name: str
    allowance: int
    resources: frozenset[str]


@dataclass(frozen=True, slots=True)
class Tariff:
    """The plans by name, the first being what a user gets unless told otherwise; and what each resource costs."""

    plans: Mapping[str, Plan]
    prices: Mapping[str, int]

    @classmethod
    def of(cls, plans: Sequence[str] = PLANS, prices: Sequence[str] = ()) -> "Tariff":
        """The tariff that these words stand for; raises ValueError."""
        read = [plan(words) for words in plans]
        return cls({each.name: each for each in read}, dict.fromkeys(RESOURCES, PRICE) | dict(map(price, prices)))

    @property
    def first(self) -> Plan:
        """The plan of who was given none."""
        return next(iter(self.plans.values()))

    def includes(self, plan_name: str | None, resource: str) -> bool:
        """Whether a plan (None: the first) includes a resource; one that is offered no more includes nothing."""
        held = self.first if plan_name is None else self.plans.get(plan_name)
        return held is not None and resource in held.resources


def plan(words: str) -> Plan:
    """The plan that `NAME=CREDITS` or `NAME=CREDITS:RESOURCE+RESOURCE` stands for; raises ValueError."""
    found = _PLAN.fullmatch(words.strip())
    if found is None:
        raise ValueError("a plan as full=10000, or as basic=1000:search+channel")
    names = RESOURCES if found[3] is None else found[3].split("+")
    if unknown := sorted(set(names) - set(RESOURCES)):
        raise ValueError(f"{unknown[0] or 'nothing'} is no resource; there are {', '.join(RESOURCES)}")
    return Plan(found[1], _credits(found[2]), frozenset(names))


def price(words: str) -> tuple[str, int]:
    """The resource and its price that `RESOURCE=CREDITS` stands for; raises ValueError."""
    found = _PRICE.fullmatch(words.strip())
    if found is None or found[1] not in RESOURCES:
        raise ValueError(f"a price as audience=10, of one of {', '.join(RESOURCES)}")
    return found[1], _credits(found[2])


def _credits(digits: str) -> int:
    if int(digits) > MOST:
        raise ValueError(f"at most {MOST} credits")
    return int(digits)
