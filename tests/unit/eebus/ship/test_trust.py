from __future__ import annotations

import json

import pytest

from eebus.ship.events import Trust
from eebus.ship.ski import Ski
from eebus.ship.trust import PendingPeer, TrustBook, TrustedPeer
from eebus.wire.ejson import JsonValue
from eebus.wire.errors import LocalUseError, WireError

OWN = Ski("0" * 40)
BOX = Ski("b" * 40)
WALLBOX = Ski("c" * 40)


def stranger(number: int) -> Ski:
    return Ski(f"{number:040x}")


@pytest.mark.field("F-06")
def test_unknown_skis_wait_for_the_user_until_the_first_box_is_paired() -> None:
    book = TrustBook(OWN)
    assert book.verdict(BOX, 0.0) is Trust.PENDING

    book.trust(TrustedPeer(ski=BOX))

    assert book.verdict(BOX, 0.0) is Trust.TRUSTED
    assert book.verdict(stranger(1), 0.0) is Trust.UNTRUSTED


@pytest.mark.field("F-06")
def test_a_box_that_dials_while_the_book_is_as_loaded_is_trusted_at_once() -> None:
    saved = TrustBook(OWN, [TrustedPeer(ski=BOX)]).to_dict()

    assert TrustBook.from_dict(OWN, saved).verdict(BOX, 0.0) is Trust.TRUSTED


def test_a_paired_device_does_not_close_the_door_for_the_box() -> None:
    book = TrustBook(OWN, [TrustedPeer(ski=WALLBOX, role="device")])

    assert book.verdict(BOX, 0.0) is Trust.PENDING


def test_a_window_lets_strangers_ask_until_it_ends_or_somebody_is_trusted() -> None:
    book = TrustBook(OWN, [TrustedPeer(ski=BOX)])

    assert book.open_window(900.0, 100.0) == 1000.0
    assert book.verdict(WALLBOX, 999.9) is Trust.PENDING
    assert book.verdict(WALLBOX, 1000.0) is Trust.UNTRUSTED

    book.open_window(900.0, 2000.0)
    book.trust(TrustedPeer(ski=WALLBOX, role="device"))
    assert book.verdict(stranger(1), 2001.0) is Trust.UNTRUSTED

    book.open_window(900.0, 3000.0)
    book.close_window()
    assert book.verdict(stranger(1), 3001.0) is Trust.UNTRUSTED


def test_a_window_has_a_duration_and_lasts_an_hour_at_most() -> None:
    book = TrustBook(OWN)

    assert book.open_window(1e9, 0.0) == 3600.0
    for nonsense in (0.0, -1.0, float("nan")):
        with pytest.raises(LocalUseError):
            book.open_window(nonsense, 0.0)


def test_our_own_ski_is_never_trusted() -> None:
    book = TrustBook(OWN, [TrustedPeer(ski=OWN)])

    assert book.trusted == ()
    assert book.verdict(OWN, 0.0) is Trust.UNTRUSTED
    with pytest.raises(LocalUseError, match="our own"):
        book.trust(TrustedPeer(ski=OWN))


def test_at_most_four_wait_and_the_oldest_makes_room() -> None:
    book = TrustBook(OWN)
    for number in range(1, 5):
        assert book.note_pending(stranger(number), float(number)) is None

    assert book.note_pending(stranger(5), 5.0) == stranger(1)

    assert [peer.ski for peer in book.pending(5.0)] == [stranger(n) for n in (2, 3, 4, 5)]


def test_one_ski_takes_one_place_however_often_it_dials() -> None:
    book = TrustBook(OWN)
    book.note_pending(BOX, 1.0, host="10.0.0.5")
    for at in range(2, 7):
        assert book.note_pending(BOX, float(at), host="10.0.0.6", ship_id="BOX-1") is None

    assert book.pending(7.0) == (
        PendingPeer(ski=BOX, host="10.0.0.6", ship_id="BOX-1", since=1.0, seen_at=6.0),
    )


def test_a_full_list_costs_nobody_a_place_when_a_known_ski_dials_again() -> None:
    book = TrustBook(OWN)
    for number in range(1, 5):
        book.note_pending(stranger(number), float(number))

    assert book.note_pending(stranger(1), 5.0) is None
    assert book.note_pending(stranger(9), 6.0) == stranger(2)  # now the one longest unheard of


def test_who_has_not_tried_for_ten_minutes_is_forgotten() -> None:
    book = TrustBook(OWN)
    book.note_pending(BOX, 0.0)

    assert len(book.pending(599.9)) == 1
    assert book.pending(600.0) == ()


def test_accepting_from_the_list_keeps_what_the_connection_has_shown() -> None:
    book = TrustBook(OWN)
    book.note_pending(BOX, 0.0, host="10.0.0.5", ship_id="BOX-1")

    book.trust(TrustedPeer(ski=BOX, name="Steuerbox"))

    assert book.find(BOX) == TrustedPeer(
        ski=BOX, name="Steuerbox", host="10.0.0.5", ship_id="BOX-1", role="control_box"
    )
    assert book.pending(1.0) == ()


def test_a_refusal_holds_for_five_minutes() -> None:
    book = TrustBook(OWN)
    book.note_pending(BOX, 0.0)

    book.refuse(BOX, 0.0)

    assert book.pending(0.0) == ()
    assert book.verdict(BOX, 299.9) is Trust.UNTRUSTED
    assert book.verdict(BOX, 300.0) is Trust.PENDING


def test_a_refusal_takes_trust_away_and_trust_takes_the_refusal_away() -> None:
    book = TrustBook(OWN, [TrustedPeer(ski=BOX)])

    book.refuse(BOX, 0.0)
    assert book.verdict(BOX, 1.0) is Trust.UNTRUSTED

    book.trust(TrustedPeer(ski=BOX))
    assert book.verdict(BOX, 1.0) is Trust.TRUSTED


def test_refusals_are_bounded() -> None:
    book = TrustBook(OWN)
    for number in range(1, 66):
        book.refuse(stranger(number), 0.0)

    assert book.verdict(stranger(1), 1.0) is Trust.PENDING
    assert book.verdict(stranger(2), 1.0) is Trust.UNTRUSTED


def test_removing_the_only_box_opens_the_door_again() -> None:
    book = TrustBook(OWN, [TrustedPeer(ski=BOX)])

    assert book.remove(BOX) == TrustedPeer(ski=BOX)
    assert book.remove(BOX) is None

    assert book.verdict(BOX, 0.0) is Trust.PENDING


def test_a_connection_teaches_name_and_address_of_trusted_peers_only() -> None:
    book = TrustBook(OWN, [TrustedPeer(ski=BOX)])

    assert book.learn(BOX, ship_id="BOX-1", host="10.0.0.5", port=4712)
    assert not book.learn(BOX, ship_id="BOX-1")
    assert not book.learn(WALLBOX, ship_id="X")

    assert book.trusted == (TrustedPeer(ski=BOX, ship_id="BOX-1", host="10.0.0.5", port=4712),)


def test_the_book_survives_the_disk() -> None:
    peers = (
        TrustedPeer(ski=BOX, ship_id="BOX-1", name="Steuerbox", trusted_at="2026-01-13T18:27:11Z"),
        TrustedPeer(ski=WALLBOX, role="device", host="10.0.0.9", port=4815),
    )

    text = json.dumps(TrustBook(OWN, peers).to_dict())

    assert TrustBook.from_dict(OWN, json.loads(text)).trusted == peers


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"format": 2, "peers": []},
        {"format": 1},
        {"format": 1, "peers": {}},
        {"format": 1, "peers": ["x"]},
        {"format": 1, "peers": [{}]},
        {"format": 1, "peers": [{"ski": "x"}]},
        {"format": 1, "peers": [{"ski": 5}]},
        {"format": 1, "peers": [{"ski": BOX, "role": "boss"}]},
        {"format": 1, "peers": [{"ski": BOX, "role": ["device"]}]},
        {"format": 1, "peers": [{"ski": BOX, "port": "4712"}]},
        {"format": 1, "peers": [{"ski": BOX, "host": 5}]},
    ],
)
def test_a_damaged_book_is_reported(data: JsonValue) -> None:
    with pytest.raises(WireError):
        TrustBook.from_dict(OWN, data)
