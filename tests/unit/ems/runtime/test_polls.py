"""When meters and devices are read."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import Setpoint
from ems.control.commands import SetLimit
from ems.control.reasons import Reason, ReasonCode
from ems.runtime.workers import LOOK_S, LoadWorker, next_poll
from tests.kit.aio import run, turns
from tests.kit.clock import FakeClock
from tests.kit.driver import FakeDriver

PERIOD_S = 2.0


def order(power_w: int) -> SetLimit:
    return SetLimit(
        load_id="garage",
        setpoint=Setpoint(power_w=power_w, current_ma=power_w),
        reason=Reason(ReasonCode.OK_FAIR),
        urgent=True,
    )


def reads_after(orders_at: list[float], seconds: float) -> list[float]:
    """Times of the readings when an order comes at each of ``orders_at`` [s after the first]."""
    times: list[float] = []

    async def story() -> None:
        clock, driver = FakeClock(), FakeDriver()
        worker = LoadWorker("garage", driver.open, clock, lambda _: None, poll_s=PERIOD_S)
        task = asyncio.ensure_future(worker.run())
        await turns()
        for step in range(round(seconds * 10)):
            if step / 10 in orders_at:
                worker.post(order(10_000 - step))
            before = driver.names().count("read")
            await turns()
            if driver.names().count("read") > before:
                times.append(step / 10)
            clock.advance(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(story())
    return times


def test_without_orders_a_device_is_read_every_period() -> None:
    assert reads_after([], 6.5) == [2.0, 4.0, 6.0]


@pytest.mark.parametrize("ordered_at", [2.1, 2.9, 3.7])
def test_what_became_of_an_order_is_looked_at_one_second_later(ordered_at: float) -> None:
    times = reads_after([ordered_at], 7.0)

    assert times[:3] == pytest.approx([2.0, ordered_at + LOOK_S, ordered_at + LOOK_S + PERIOD_S])


def test_orders_in_quick_succession_do_not_put_off_the_reading() -> None:
    times = reads_after([step / 10 for step in range(0, 100, 5)], 10.0)

    assert max(later - sooner for sooner, later in pairwise(times)) <= PERIOD_S + LOOK_S


@pytest.mark.parametrize("connected_at", [100.0, 100.3, 101.09])
def test_a_meter_is_read_at_the_same_moments_whenever_its_connection_was_made(
    connected_at: float,
) -> None:
    assert next_poll("garage", 2.0, connected_at) == pytest.approx(101.1)


def test_two_meters_are_not_read_in_the_same_moment() -> None:
    assert next_poll("battery", 2.0, 100.0) == pytest.approx(100.44)


@given(
    st.text(max_size=8),
    st.sampled_from([1.0, 2.0, 5.0]),
    st.floats(min_value=0, max_value=1e9, allow_nan=False),
)
def test_the_next_poll_is_ahead_and_no_further_than_one_period(
    device_id: str, period_s: float, now: float
) -> None:
    due = next_poll(device_id, period_s, now)
    assert now < due <= now + period_s + 1e-6
    assert next_poll(device_id, period_s, due) > due
