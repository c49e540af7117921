"""What is said instead of a figure where too little is known."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NotEnough:
    """There is not enough data for a figure: why, in words for people; how many there are, and how many it takes."""

    reason: str
    have: int
    need: int
