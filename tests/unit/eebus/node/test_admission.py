from __future__ import annotations

import pytest

from eebus.node.admission import MAX_SOURCES, Admission, AdmissionLimits, source_of

BOX = "192.0.2.10"
ATTACKER = "192.0.2.66"


def test_last_place_is_kept_for_a_known_peer() -> None:
    admission = Admission(AdmissionLimits(connections=3, reserved=1))
    for host in ("192.0.2.1", "192.0.2.2"):
        assert admission.admit(host, 0.0) == ""

    assert admission.admit(ATTACKER, 0.0) == "2 connections are open"
    assert admission.admit(BOX, 0.0, is_known=True) == ""
    assert admission.admit(BOX, 0.0, is_known=True) == "3 connections are open"


def test_ninth_handshake_of_one_source_is_refused_until_one_ends() -> None:
    admission = Admission()
    for _ in range(8):
        assert admission.admit(ATTACKER, 0.0) == ""

    assert admission.admit(ATTACKER, 0.0) == f"8 handshakes of {ATTACKER} are running"
    assert admission.admit(BOX, 0.0) == ""
    admission.left(ATTACKER, in_handshake=True)
    assert admission.admit(ATTACKER, 0.0) == ""


def test_connection_that_proved_trusted_no_longer_counts_as_a_handshake() -> None:
    admission = Admission(AdmissionLimits(handshakes_per_source=1))
    admission.admit(BOX, 0.0)

    admission.handshake_done(BOX)

    assert admission.admit(BOX, 0.0) == ""
    assert admission.connections == 2


def test_five_failures_lock_a_source_until_time_has_passed() -> None:
    admission = Admission()
    for _ in range(5):
        assert admission.admit(ATTACKER, 0.0) == ""
        admission.failed(ATTACKER, 0.0)
        admission.left(ATTACKER, in_handshake=True)

    assert admission.admit(ATTACKER, 5.9) == f"too many failed handshakes of {ATTACKER}"
    assert admission.admit(ATTACKER, 6.0) == ""  # 10 per minute


def test_failures_of_others_do_not_lock_out_a_known_peer() -> None:
    admission = Admission()
    for _ in range(20):
        admission.failed(BOX, 0.0)

    assert admission.admit(BOX, 0.0, is_known=True) == ""


@pytest.mark.invariant("I-15")
def test_remembered_sources_are_bounded() -> None:
    admission = Admission()

    for number in range(MAX_SOURCES + 500):
        admission.failed(f"198.51.{number // 256}.{number % 256}", 0.0)

    assert len(admission._tokens) == MAX_SOURCES


def test_an_ipv6_network_is_one_source_and_link_local_addresses_are_many() -> None:
    assert source_of("2001:db8:0:1::5") == "2001:db8:0:1::/64"
    assert source_of("2001:db8:0:1:ffff::9") == "2001:db8:0:1::/64"
    assert source_of("::ffff:192.0.2.10") == "192.0.2.10"
    assert source_of("fe80::1%2") == "fe80::1%2"
    assert source_of("") == ""
