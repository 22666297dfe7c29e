from __future__ import annotations

from pathlib import Path

import pytest

from eebus.node import files
from eebus.node.trust_store import TrustStore
from eebus.ship.ski import Ski
from eebus.ship.trust import TrustBook, TrustedPeer

OWN = Ski("a" * 40)
BOX = Ski("b" * 40)
OTHER = Ski("c" * 40)


def saved(folder: Path, *peers: Ski) -> TrustStore:
    store = TrustStore(folder)
    for count in range(1, len(peers) + 1):
        book = TrustBook(OWN, [TrustedPeer(ski=ski, ship_id="BOX") for ski in peers[:count]])
        store.save(book.to_dict())
    return store


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    saved(tmp_path, BOX)

    book = TrustStore(tmp_path).load(OWN)

    assert [(peer.ski, peer.ship_id) for peer in book.trusted] == [(BOX, "BOX")]


def test_first_start_has_an_empty_book(tmp_path: Path) -> None:
    store = TrustStore(tmp_path / "new")

    assert store.load(OWN).trusted == ()
    assert not store.exists
    assert store.damaged == []


@pytest.mark.parametrize(
    "damage",
    [b"", b"\x00" * 300, b"[]", b'{"content": {}}', b"null", b"[" * 100_000, b"\xff\xfe"],
    ids=["empty", "zeros", "list", "no checksum", "null", "deep", "not text"],
)
def test_damaged_store_is_set_aside_and_the_one_before_is_used(
    tmp_path: Path, damage: bytes
) -> None:
    store = saved(tmp_path, BOX, OTHER)
    store.path.write_bytes(damage)

    book = store.load(OWN)

    assert [peer.ski for peer in book.trusted] == [BOX]
    assert len(store.damaged) == 1
    assert (tmp_path / "trust.json.damaged-1").read_bytes() == damage


def test_one_flipped_digit_is_noticed(tmp_path: Path) -> None:
    store = saved(tmp_path, BOX)
    store.path.write_bytes(store.path.read_bytes().replace(b"bbbb", b"bbbc", 1))

    book = store.load(OWN)

    assert book.trusted == ()
    assert "checksum" in store.damaged[0]


def test_lost_store_lets_unknown_peers_ask_again(tmp_path: Path) -> None:
    store = saved(tmp_path, BOX, OTHER)
    store.path.write_bytes(b"x")
    files.previous(store.path).write_bytes(b"y")

    book = store.load(OWN)

    assert book.asks_user(0.0)
    assert len(store.damaged) == 2
