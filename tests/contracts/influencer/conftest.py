from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest
from influencer_stage import Stage, society, staged


@pytest.fixture
def stage(database_url: str, tmp_path: Path, clock: Any) -> Generator[Stage]:
    """The influencer door, running on each of the databases, with channels to ask about."""
    with staged(database_url, tmp_path / "data", clock) as running:
        running.learn(*society(clock()))
        yield running


@pytest.fixture
def ada(stage: Stage) -> httpx.Client:
    """A client with a token and ten thousand credits."""
    return stage.client(stage.token(plan="full"))
