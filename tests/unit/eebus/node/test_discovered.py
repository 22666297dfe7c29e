from __future__ import annotations

import pytest

from eebus.node.discovered import MAX_ENTRIES, Discovered, hosts_of, is_dialable
from eebus.ship.discovery import ServiceRecord
from eebus.ship.ski import Ski

OWN = Ski("a" * 40)
BOX = Ski("b" * 40)


def record(ski: Ski = BOX, name: str = "box", **more: object) -> ServiceRecord:
    return ServiceRecord(ski=ski, ship_id="BOX", name=name, **more)  # type: ignore[arg-type]


@pytest.mark.rule("H-04")
def test_own_record_is_ignored() -> None:
    discovered = Discovered(OWN)

    assert not discovered.found(record(OWN))
    assert discovered.all() == []


def test_one_ski_under_two_names_is_found_twice_and_lost_once() -> None:
    discovered = Discovered(OWN)
    discovered.found(record(name="one", port=1))
    discovered.found(record(name="two", port=2))

    discovered.gone("one")

    assert [entry.port for entry in discovered.of(BOX)] == [2]


@pytest.mark.invariant("I-15")
def test_flood_of_records_is_bounded_but_known_ones_are_updated() -> None:
    discovered = Discovered(OWN)
    for number in range(MAX_ENTRIES + 10):
        discovered.found(record(name=f"flood-{number}"))

    assert len(discovered.all()) == MAX_ENTRIES
    assert discovered.found(record(name="flood-3", port=99))
    assert any(entry.port == 99 for entry in discovered.all())


@pytest.mark.field("F-08")
def test_link_local_address_without_zone_is_not_dialled() -> None:
    found = record(
        host="box.local",
        addresses=("fe80::1", "fe80::2%3", "2001:db8::1", "192.0.2.1", "169.254.1.1"),
    )

    assert hosts_of(found) == ["192.0.2.1", "169.254.1.1", "2001:db8::1", "fe80::2%3", "box.local"]
    assert not is_dialable("box.local")


def test_record_of_a_trusted_peer_takes_the_place_of_a_stranger_when_all_are_taken() -> None:
    discovered = Discovered(OWN)
    box = Ski("b" * 40)
    for number in range(MAX_ENTRIES):
        record = ServiceRecord(ski=Ski(f"{number:040x}"), ship_id="X", name=f"stranger {number}")
        assert discovered.found(record, trusted=frozenset({box}))

    assert discovered.found(ServiceRecord(ski=box, ship_id="BOX", name="box"), trusted={box})

    assert len(discovered.all()) == MAX_ENTRIES
    assert [record.name for record in discovered.of(box)] == ["box"]
    stranger = ServiceRecord(ski=Ski("c" * 40), ship_id="X", name="one more")
    assert not discovered.found(stranger, trusted={box})
