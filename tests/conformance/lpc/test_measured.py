"""Measured power: the physics of the simulated first plant, not our own word."""

from __future__ import annotations

import pytest

from tests.conformance.lpc.bench import CONTRACT_W, FAILSAFE_W, in_autonomous, in_init
from tests.kit.plant import Site, first_site


def behind_the_meter(state: str, limit_w: int | None) -> Site:
    """The first plant, contact at rest, steered by what the controllable system has told."""
    site = first_site()
    site.contact("closed")
    site.lpc(state, limit_w)
    return site


@pytest.mark.rule("ATC_LPC_COM_PT_CSUnlAuto_002")
@pytest.mark.rule("LPC-TS-010")
def test_when_autonomous_the_measured_power_stays_below_the_nominal_maximum() -> None:
    """Held by the devices of this plant, not by the EMS: fuse protection is not done yet."""
    bench = in_autonomous()
    assert bench.applied_w is None
    site = behind_the_meter(bench.state, None)

    measured_w: list[float] = []
    for second in range(1, 601):
        site.run(float(second))
        measured_w.append(site.grid_w)

    assert max(measured_w) > 40_000.0  # nothing is held back
    assert max(measured_w) <= CONTRACT_W


@pytest.mark.rule("ATC_LPC_COM_PT_CSInit_001")
@pytest.mark.rule("LPC-901")
def test_after_the_start_the_measured_power_is_the_failsafe_limit_at_most() -> None:
    bench = in_init()
    assert bench.applied_w == FAILSAFE_W
    site = behind_the_meter(bench.state, int(FAILSAFE_W))

    site.run(120.0)

    for second in range(121, 301):
        site.run(float(second))
        assert site.nwlb_w <= FAILSAFE_W
