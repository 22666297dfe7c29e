"""Whole evenings on the pure core: no sockets, no waiting, judged by the plant's own physics."""

from __future__ import annotations

import pytest

from tests.kit import core_stories


@pytest.mark.invariant("I-10")
@pytest.mark.field("F-11")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_row_of_the_evening_peak_holds(seed: int) -> None:
    faults, _ = core_stories.run("evening_peak", seed=seed)

    assert faults == []


def test_the_story_fails_when_a_wallbox_ignores_its_set_point_and_nobody_escalates() -> None:
    story = core_stories.load("evening_peak")
    story["row"][0]["do"].append("fault garage ignores on")

    faults, _ = core_stories.play_through(story, seed=1, escalation=False)

    assert any("steuve_w" in fault for fault in faults)
