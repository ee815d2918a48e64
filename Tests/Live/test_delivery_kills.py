"""`kill -9` at moments drawn at random: nothing lost, nothing twice, and what was decided is what a replay decides."""

from __future__ import annotations

import os
from pathlib import Path

import harness
import pytest
from delivery_kills import killed_at_random
from delivery_peers import Context, until
from delivery_served import Kept, Start, decide, is_about

KILLS = int(os.environ.get("TIDEMARK_KILLS") or 20)


@pytest.fixture
def kept(daemons: Start, folder: Path, context: Context) -> Kept:
    return Kept(daemons, folder, context)


def test_killed_at_random_under_load_it_loses_nothing_and_tells_nothing_twice(kept: Kept) -> None:
    told = killed_at_random(kept, f"{harness.SEED}", KILLS)
    print(told)
    assert told.kills == KILLS and told.numbers > KILLS
