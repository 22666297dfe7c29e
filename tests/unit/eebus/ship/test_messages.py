from __future__ import annotations

from eebus.ship.messages import HelloPhase, PinInput, Version


def test_versions_compare_by_major_then_minor() -> None:
    assert Version(1, 0) < Version(1, 1) < Version(2, 0)


def test_a_pin_is_never_shown() -> None:
    assert "1234ABCD" not in repr(PinInput("1234ABCD"))


def test_an_unknown_phase_survives_parsing() -> None:
    assert HelloPhase("later") == "later"
    assert not HelloPhase("later").is_known
