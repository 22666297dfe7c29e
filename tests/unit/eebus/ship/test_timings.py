from __future__ import annotations

import pytest

from eebus.ship.timings import ShipLimits, ShipTimings


@pytest.mark.field("F-34")
@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("cmi_s", 30.0),
        ("hello_s", 60.0),
        ("hello_max_s", 240.0),
        ("prolong_threshold_s", 30.0),
        ("prolong_gap_s", 15.0),
        ("pending_s", 600.0),
        ("early_protocol_s", 10.0),
        ("protocol_s", 10.0),
        ("pin_s", 10.0),
        ("access_s", 10.0),
        ("close_s", 2.0),
        ("abort_linger_s", 0.5),
        ("error_linger_s", 0.2),
    ],
)
def test_every_timer_is_in_seconds(name: str, seconds: float) -> None:
    assert getattr(ShipTimings(), name) == seconds
    assert name.endswith("_s")


def test_no_timer_is_missing_from_the_golden_table() -> None:
    assert len(ShipTimings.__dataclass_fields__) == 13


def test_limits_are_those_of_the_reference() -> None:
    limits = ShipLimits()

    assert (limits.message_bytes, limits.handshake_bytes) == (102_400, 4_096)
    assert (limits.early_messages, limits.early_bytes) == (32, 262_144)
    assert (limits.unusable_messages, limits.unreadable_in_a_row) == (10, 3)
