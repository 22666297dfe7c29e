"""When devices are read: each on a grid of its own, always ahead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems.runtime.workers import next_poll


@pytest.mark.parametrize("connected_at", [100.0, 100.3, 101.09])
def test_a_device_is_read_at_the_same_moments_whenever_its_connection_was_made(
    connected_at: float,
) -> None:
    assert next_poll("garage", 2.0, connected_at) == pytest.approx(101.1)


def test_two_devices_are_not_read_in_the_same_moment() -> None:
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
