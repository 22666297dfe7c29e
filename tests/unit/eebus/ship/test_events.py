from __future__ import annotations

from eebus.ship.events import Phase


def test_phases_are_listed_in_the_order_of_a_connection() -> None:
    assert [phase.value for phase in Phase] == [
        "cmi",
        "hello",
        "protocol",
        "pin",
        "data",
        "closing",
        "closed",
    ]
