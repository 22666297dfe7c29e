"""The ladder: who offends, who is forgiven, and how often (allocation.md 3.8)."""

from __future__ import annotations

from collections.abc import Collection

from ems.control.plant import ControlTimings
from ems.control.supervisor import OFFENDER_CHANCES, Check, Supervisor


def check(over_w: int = 0, *, bad: Collection[str] = (), quiet: Collection[str] = ()) -> Check:
    return Check(over_w=over_w, disobedient=bad, quiet=quiet)


def climbed(to_s: float) -> Supervisor:
    """A limit exceeded by one load for so long, and the switch-offs due on the way taken."""
    ladder = Supervisor(ControlTimings())
    second = 0.0
    while second <= to_s:
        ladder.update(check(5_000, bad=["cp"]), second)
        ladder.to_stop(second)
        second += 1.0
    return ladder


def test_the_levels_follow_the_time_above_the_limit() -> None:
    levels = {s: climbed(s).level for s in (0, 9, 10, 29, 30, 44, 45, 59, 60, 600)}

    assert levels == {0: 1, 9: 1, 10: 2, 29: 2, 30: 3, 44: 3, 45: 4, 59: 4, 60: 5, 600: 5}
    assert not climbed(44).all_off
    assert climbed(45).all_off


def test_an_offender_that_follows_by_itself_is_forgiven_at_once() -> None:
    ladder = climbed(15)
    assert ladder.is_excluded("cp")

    ladder.update(check(quiet=["cp"]), 16.0)

    assert not ladder.is_excluded("cp")
    assert ladder.level == 0


def test_a_load_that_was_switched_off_gets_another_chance_three_times() -> None:
    ladder = climbed(31)
    now = 31.0
    for _ in range(OFFENDER_CHANCES):
        ladder.update(check(quiet=["cp"]), now)
        assert ladder.is_excluded("cp")
        ladder.update(check(quiet=["cp"]), now + 30.0)
        assert not ladder.is_excluded("cp")
        for second in range(32):
            ladder.update(check(5_000, bad=["cp"]), now + 40.0 + second)
            ladder.to_stop(now + 40.0 + second)
        now += 80.0

    ladder.update(check(quiet=["cp"]), now)
    ladder.update(check(quiet=["cp"]), now + 3_600.0)

    assert ladder.is_excluded("cp")


def test_a_load_that_is_loud_again_begins_its_quiet_time_anew() -> None:
    ladder = climbed(31)
    ladder.update(check(quiet=["cp"]), 32.0)
    ladder.update(check(), 50.0)
    ladder.update(check(quiet=["cp"]), 51.0)

    ladder.update(check(quiet=["cp"]), 80.0)
    assert ladder.is_excluded("cp")
    ladder.update(check(quiet=["cp"]), 81.0)

    assert not ladder.is_excluded("cp")


def test_a_load_that_stays_loud_is_switched_off_again_every_ten_seconds() -> None:
    ladder = climbed(29)
    stops = []
    for second in range(30, 60):
        ladder.update(check(5_000, bad=["cp"]), float(second))
        stops += [second for _ in ladder.to_stop(float(second))]

    assert stops == [30, 40, 50]
