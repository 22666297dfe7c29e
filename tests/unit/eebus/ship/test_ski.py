from __future__ import annotations

import pytest

from eebus.ship.ski import Ski, differing_digits, format_ski, is_larger, parse_ski
from eebus.wire.errors import WireError

SKI = Ski("b467a3999eb5efa671de0032f08a9c9e5efda0e1")


@pytest.mark.parametrize(
    "text",
    [
        "b467a3999eb5efa671de0032f08a9c9e5efda0e1",
        "B467 A399 9EB5 EFA6 71DE 0032 F08A 9C9E 5EFD A0E1",
        " b4:67:a3:99:9e:b5:ef:a6:71:de:00:32:f0:8a:9c:9e:5e:fd:a0:e1\n",
        "SKI: b467-a399-9eb5-efa6-71de-0032-f08a-9c9e-5efd-a0e1",
        "ski b467a3999eb5efa671de0032f08a9c9e5efda0e1",
        "SHIP;SKI:b467.a399.9eb5.efa6.71de.0032.f08a.9c9e.5efd.a0e1",
    ],
)
def test_a_ski_is_read_as_people_write_it(text: str) -> None:
    assert parse_ski(text) == SKI


@pytest.mark.parametrize(
    "text", ["", "SKI", "b467", SKI + "0", "g" * 40, "٣" * 40, "SKI SKI" + SKI[3:]]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(WireError, match="40 hex digits"):
        parse_ski(text)


def test_a_ski_is_shown_in_ten_groups_of_four() -> None:
    assert format_ski(SKI) == "b467 a399 9eb5 efa6 71de 0032 f08a 9c9e 5efd a0e1"
    assert parse_ski(format_ski(SKI)) == SKI


def test_skis_compare_as_unsigned_numbers() -> None:
    assert is_larger(Ski("f" + "0" * 39), Ski("0" + "f" * 39))
    assert not is_larger(SKI, SKI)


def test_a_slip_of_the_hand_is_counted_in_digits() -> None:
    assert differing_digits(SKI, parse_ski("c467a3999eb5efa671de0032f08a9c9e5efda0e2")) == 2
