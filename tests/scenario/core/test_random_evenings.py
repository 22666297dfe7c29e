"""Random evenings on the pure core: limits, contact, sun, kettle, cars, silent meter, kills.

Judged by the plant's own physics (reliability.md L-4, L-5, L-6): ten seconds after anything
happened the SteuVE draw no more from the grid than the limit, sixty where the heat pump alone is
above it; a minute after the last source let go no device is capped.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

import pytest

from ems.control.grid_limit import Limited
from tests.kit.plant import Site, first_site

LIMITS_W = (0, 0, 1_500, 3_000, 4_200, 6_000, 9_000, 15_120, 20_000, 30_000)
FAST_S, SLOW_S, FREE_S = 10.0, 60.0, 61.0
END_S = 1_500.0


@dataclass
class Evening:
    """One plant, what was said to it, and what did not hold."""

    seed: int
    wrong: list[str] = field(default_factory=list)
    happened_at: float = 60.0
    free_since: float | None = None
    ceiling_w: float = math.inf

    def __post_init__(self) -> None:
        self.dice = random.Random(f"{self.seed}/evening")
        self.site: Site = first_site(self.seed)
        self.word: tuple[str, int | None] = ("unlimited_controlled", None)
        self.level = "closed"
        self.site.contact(self.level)
        self.site.lpc(*self.word)
        self.site.run(60)

    def play(self) -> list[str]:
        next_at = self.site.now
        while self.site.now < END_S:
            if self.site.now >= next_at:
                next_at = self.site.now + self.dice.choice([1, 2, 5, 15, 40, 90, 200])
                self.happen()
            self.site.run(self.site.now + 1)
            self.judge()
        return self.wrong

    def happen(self) -> None:
        site, dice = self.site, self.dice
        match dice.choice(["box", "box", "box", "line", "sun", "kettle", "wish", "meter", "kill"]):
            case "box":
                free = ("unlimited_controlled", None)
                self.word = dice.choice([free, *(("limited", w) for w in LIMITS_W)])
                site.lpc(*self.word)
            case "line":
                self.level = "open" if self.level == "closed" else "closed"
                site.contact(self.level)
            case "sun":
                site.sun_w = dice.choice([0, 3_000, 6_000, 9_000])
            case "kettle":
                site.kettle = not site.kettle
            case "wish":
                device = site.devices[dice.choice(sorted(site.devices))]
                device.wants = not device.wants
            case "meter":
                site.grid_silent = not site.grid_silent
            case _:
                self.kill()
        self.happened_at = site.now

    def kill(self) -> None:
        site, self.free_since = self.site, None
        site.kill()
        site.run(site.now + self.dice.choice([1, 5, 20]))
        site.start(site.saved)
        site.contact(self.level)
        site.lpc("init", 15_120)
        site.run(site.now + self.dice.choice([1, 10]))
        site.lpc(*self.word)

    def judge(self) -> None:
        site = self.site
        effective = site.core.decision.effective
        before_w, self.ceiling_w = self.ceiling_w, math.inf
        if isinstance(effective, Limited):
            self.ceiling_w = effective.power_w
        moving = abs(site.pv_w - site.sun_w) > 1
        if moving or self.ceiling_w < before_w:
            self.happened_at = site.now
        if math.isinf(self.ceiling_w):
            self.judge_free()
        else:
            self.free_since = None
            self.judge_limit(site.now - self.happened_at)

    def judge_limit(self, age_s: float) -> None:
        site, limit_w = self.site, self.ceiling_w
        most_w = limit_w + max(100, 0.02 * limit_w)
        slow_w = site.devices["heatpump"].power_w
        excused = age_s <= SLOW_S and slow_w > limit_w
        drawn_w = site.nwlb_w - slow_w if excused else site.nwlb_w
        allowed_w = most_w - limit_w if excused else most_w
        if age_s > FAST_S and drawn_w > allowed_w:
            self.wrong.append(f"{site.now:.0f} s: {site.nwlb_w:.0f} W under {limit_w:.0f} W")

    def judge_free(self) -> None:
        site = self.site
        self.free_since = site.now if self.free_since is None else self.free_since
        capped = [name for name, one in site.devices.items() if not math.isinf(one.cap)]
        if site.now - self.free_since > FREE_S and capped:
            self.wrong.append(f"{site.now:.0f} s: still capped: {', '.join(capped)}")


@pytest.mark.invariant("I-01")
@pytest.mark.invariant("I-10")
@pytest.mark.rule("R-14A-37")
@pytest.mark.parametrize("seed", range(1, 6))
def test_a_random_evening_keeps_every_limit_and_lets_go_after_it(seed: int) -> None:
    assert Evening(seed).play() == []


def test_the_judge_sees_a_wallbox_that_never_follows() -> None:
    evening = Evening(1)
    evening.site = first_site(1, escalation=False)
    evening.site.contact("closed")
    evening.site.lpc("unlimited_controlled")
    evening.site.run(60)
    evening.site.devices["garage"].ignores = True

    assert evening.play() != []
