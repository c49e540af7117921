from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest
from media_stage import Stage, staged


@pytest.fixture
def stage(database_url: str, tmp_path: Path, clock: Any) -> Generator[Stage]:
    """The media door, running on each of the databases."""
    with staged(database_url, tmp_path / "data", clock) as running:
        yield running


@pytest.fixture
def admin(stage: Stage) -> httpx.Client:
    """A client signed in as the administrator."""
    return stage.client(stage.admin)


@pytest.fixture
def bea(stage: Stage) -> httpx.Client:
    """A client signed in as a user who is none."""
    return stage.client(stage.user)
