"""`kill -9` at moments drawn at random: nothing lost, nothing twice, and what was decided is what a replay decides.

TIDEMARK_KILLS says how often, 20 unless set.
"""

from __future__ import annotations

import os
from pathlib import Path

import harness
import pytest
from delivery_kills import killed_at_random
from delivery_peers import Context
from delivery_served import Kept, Start
from live import Daemon

KILLS = int(os.environ.get("TIDEMARK_KILLS") or 20)


@pytest.fixture
def kept(daemons: Start, folder: Path, context: Context) -> Kept:
    return Kept(daemons, folder, context)


def test_killed_at_random_under_load_it_loses_nothing_and_tells_nothing_twice(kept: Kept) -> None:
    told = killed_at_random(kept, f"{harness.SEED}", KILLS)
    print(told)
    assert told.kills == KILLS and told.numbers > KILLS


def test_with_resends_and_a_journal_that_is_not_synced_each_time_it_holds_too(kept: Kept) -> None:
    kept.said["defaults"] = {"retrain": {"min_time_between_retrains": "1s", "acknowledge_within": "150ms"}}
    kept.said["journal"] = {"durability": "normal", "checkpoint_interval": "20ms", "checkpoint_events": 100}
    told = killed_at_random(kept, f"{harness.SEED} resent", 8)
    print(told)
    assert told.kills == 8


def test_stopped_under_load_it_loses_nothing_of_the_reliable_source_either(kept: Kept) -> None:
    told = killed_at_random(kept, f"{harness.SEED} stopped", 5, end=Daemon.stop)
    print(told)
    assert told.kills == 5 and told.kills_before_ready == 0
