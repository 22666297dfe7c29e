"""The command line keeps its conventions: one document, exit codes, cause and cure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ems.cli.main import NOUNS
from ems.runtime.service import CallError
from tests.kit.fake_service import fake_service

SKI = "0123456789abcdef0123456789abcdef01234567"
OWN = "f" * 40

SIGNAL = {"limited": True, "limit_w": 0, "source": "eebus", "restored": False}
STATUS: dict[str, Any] = {
    "plant": "Musterhaus",
    "at": "2026-11-21T12:00:00+00:00",
    "version": "0.1.0",
    "signal": SIGNAL,
    "sources": [{**SIGNAL, "state": "limited", "for_s": 5.0, "remaining_s": 60.0}],
    "budget_w": 0,
    "credit_w": 0,
    "grid_power_w": 700,
    "steuve_power_w": 0,
    "steuve": [
        {
            "id": "garage",
            "name": "Wallbox Garage",
            "rated_w": 11000,
            "setpoint_w": 0,
            "setpoint_a": 0.0,
            "power_w": 0,
            "online": True,
            "reason": {"code": "no_steuve", "resource": "steuve", "missing": 4140},
            "error": "",
        },
        {
            "id": "heatpump",
            "name": "Wärmepumpe",
            "rated_w": 6000,
            "setpoint_w": 3300,
            "setpoint_a": None,
            "power_w": 3100,
            "online": True,
            "reason": {"code": "ok_demand", "resource": "", "missing": 0},
            "error": "",
        },
    ],
    "eebus": {"peers": [], "last_heartbeat_age_s": 3.0},
    "alarms": [{"code": "W-CON-006", "subject": "contact", "since": "", "params": {}}],
}


def test_every_noun_has_help_with_an_example(ems: Any) -> None:
    for noun in NOUNS:
        outcome = ems(noun, "--help")
        assert outcome.code == 0
        assert "Usage: ems" in outcome.out


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("pair", "list"),
        ("limit", "show"),
        ("steuve", "list"),
        ("contact", "show"),
        ("limit", "test", "4200"),
    ],
)
def test_without_a_service_the_exit_code_is_4_and_the_message_names_the_socket(
    ems: Any, tmp_path: Path, words: tuple[str, ...]
) -> None:
    outcome = ems(*words, "--json", "--socket", str(tmp_path / "none.sock"))

    error = json.loads(outcome.err)["error"]
    assert outcome.code == 4
    assert error["code"] == "E-SRV-000"
    assert "none.sock" in error["message"]
    assert error["hint"]
    assert outcome.out == ""


@pytest.mark.loopback
@pytest.mark.field("F-11")
def test_a_limit_of_0_w_is_shown_as_a_limit(ems: Any, tmp_path: Path) -> None:
    with fake_service(tmp_path / "s", {"status": STATUS}):
        outcome = ems("status", "--socket", str(tmp_path / "s"))

    assert outcome.code == 0
    assert "Signal: 0 W – control box" in outcome.out
    assert "limit leaves less than the minimum" in outcome.out
    assert "Polarity not confirmed" in outcome.out


@pytest.mark.loopback
def test_json_is_exactly_one_document(ems: Any, tmp_path: Path) -> None:
    with fake_service(tmp_path / "s", {"status": STATUS}):
        outcome = ems("status", "--json", "--socket", str(tmp_path / "s"))

    assert outcome.document["ok"] is True
    assert outcome.document["data"]["signal"]["limit_w"] == 0


@pytest.mark.loopback
def test_the_same_answer_in_german(ems: Any, tmp_path: Path) -> None:
    with fake_service(tmp_path / "s", {"status": STATUS}):
        outcome = ems("status", "--lang", "de", "--socket", str(tmp_path / "s"))

    assert "Limit lässt das Minimum nicht zu" in outcome.out


@pytest.mark.loopback
def test_an_ski_may_be_typed_with_blanks_and_capitals(ems: Any, tmp_path: Path) -> None:
    typed = " ".join(SKI[i : i + 4] for i in range(0, 40, 4)).upper()
    with fake_service(tmp_path / "s", {"pair.accept": {"ski": SKI}}) as came:
        outcome = ems("pair", "accept", typed, "--socket", str(tmp_path / "s"))

    assert outcome.code == 0
    assert came == [("pair.accept", {"ski": SKI})]


def test_a_short_ski_is_refused_with_its_length(ems: Any) -> None:
    outcome = ems("pair", "accept", SKI[:-1], "--json")

    assert outcome.code == 2
    assert json.loads(outcome.err)["error"]["code"] == "E-PAIR-003"
    assert "39 of 40" in outcome.err


@pytest.mark.loopback
def test_our_own_ski_is_refused_by_the_service_and_explained(ems: Any, tmp_path: Path) -> None:
    refusal = CallError("E-PAIR-002", "own")
    with fake_service(tmp_path / "s", {"pair.add": refusal}):
        outcome = ems("pair", "add", OWN, "--lang", "de", "--socket", str(tmp_path / "s"))

    assert outcome.code == 2
    assert "Das ist unsere eigene SKI." in outcome.err


@pytest.mark.loopback
@pytest.mark.parametrize(
    ("text", "watts"), [("4200", 4200), ("4200W", 4200), ("4.2kW", 4200), ("0", 0)]
)
def test_powers_may_be_typed_in_watts_or_kilowatts(
    ems: Any, tmp_path: Path, text: str, watts: int
) -> None:
    with fake_service(tmp_path / "s", {"limit.test": STATUS}) as came:
        outcome = ems("limit", "test", text, "--for", "5m", "--socket", str(tmp_path / "s"))

    assert outcome.code == 0
    assert came == [("limit.test", {"limit_w": watts, "for_s": 300.0})]


@pytest.mark.parametrize("text", ["4.2 MW", "NaN", "-", "1e9", "4200 W 5"])
def test_what_is_no_power_is_refused_with_an_example(ems: Any, text: str) -> None:
    outcome = ems("limit", "test", text)

    assert outcome.code == 2
    assert "4.2kW" in outcome.err


@pytest.mark.loopback
def test_the_timeline_is_json_lines(ems: Any, tmp_path: Path) -> None:
    points = [{"t_s": 1.0, "limit_w": None}, {"t_s": 2.0, "limit_w": 4200}]
    with fake_service(tmp_path / "s", {"stream": points}):
        outcome = ems("timeline", "--json", "--socket", str(tmp_path / "s"))

    assert [json.loads(line)["data"] for line in outcome.out.splitlines()] == points


@pytest.mark.loopback
def test_steuve_why_says_in_one_line_what_binds(ems: Any, tmp_path: Path) -> None:
    answer = {"steuve": STATUS["steuve"][0], "signal": SIGNAL, "budget_w": 0}
    with fake_service(tmp_path / "s", {"steuve.why": answer, "status": STATUS}):
        outcome = ems("steuve", "why", "garage", "--socket", str(tmp_path / "s"))

    assert outcome.out == (
        "Wallbox Garage: 0 W · 0 A of 11 kW, because: limit leaves less than the minimum "
        "(missing 4.1 kW). Limit 0 kW (control box, since 12:59) – given to: 3.3 kW Wärmepumpe\n"
    )


@pytest.mark.loopback
@pytest.mark.parametrize(
    ("setpoint_w", "told"),
    [
        (None, "Wallbox Garage: free, no limit\n"),
        (0, "Wallbox Garage: 0 W of 11 kW, because: about to be freed (staggered)\n"),
    ],
)
def test_who_is_free_and_who_waits_for_it_are_told_apart(
    ems: Any, tmp_path: Path, setpoint_w: int | None, told: str
) -> None:
    load = {
        **STATUS["steuve"][0],
        "setpoint_w": setpoint_w,
        "setpoint_a": None,
        "reason": {"code": "unlimited", "resource": "", "missing": 0},
    }
    answer = {"steuve": load, "signal": {**SIGNAL, "limited": False}, "budget_w": None}
    with fake_service(tmp_path / "s", {"steuve.why": answer}):
        outcome = ems("steuve", "why", "garage", "--socket", str(tmp_path / "s"))

    assert outcome.out == told


def test_a_power_no_device_can_have_is_no_term_of_p_min(ems: Any) -> None:
    for text in ("0", "1001kW"):
        outcome = ems("pmin", "--wallbox", text, "--json")
        assert outcome.code == 2
        assert json.loads(outcome.err)["error"]["code"] == "E-USE-012"


def test_p_min_is_written_in_the_numbers_of_the_language(ems: Any) -> None:
    german = ems("pmin", "--wallbox", "11kW", "--heatpump", "6kW", "--lang", "de")
    english = ems("pmin", "--wallbox", "11kW", "--heatpump", "6kW", "--lang", "en")

    assert "4.200 W + 1 · 0,80 · 4.200 W = 7.560 W" in german.out
    assert "4,200 W + 1 · 0.80 · 4,200 W = 7,560 W" in english.out
    assert "Wärmepumpe, 6.000 W" in german.out


def test_destructive_commands_never_ask_without_a_terminal(ems: Any) -> None:
    outcome = ems("pair", "remove", SKI)

    assert outcome.code == 2
    assert "--yes" in outcome.err


def test_pmin_of_one_steuve_has_no_factor_and_every_word_in_its_language(ems: Any) -> None:
    german = ems("pmin", "--heatpump", "12kW", "--lang", "de").out.splitlines()
    english = ems("pmin", "--heatpump", "12kW", "--lang", "en").out.splitlines()

    assert german[-2:] == ["Formel: max(0,4 · ΣWP, 0,4 · ΣKlima)", "P_min,14a = 4.800 W  (n = 1)"]
    assert english[-2:] == ["formula: max(0.4 · ΣHP, 0.4 · ΣAC)", "P_min,14a = 4,800 W  (n = 1)"]


def test_pmin_needs_no_service_and_prints_every_term(ems: Any) -> None:
    outcome = ems("pmin", "--heatpump", "6kW", "--wallbox", "11kW", "--wallbox", "11kW", "--json")

    data = outcome.document["data"]
    assert (data["pmin_14a_w"], data["n_steuve"], data["gzf"]) == (10_500, 3, "0.75")


def test_an_unknown_command_is_wrong_usage(ems: Any) -> None:
    assert ems("frobnicate").code == 2


def test_verify_without_records_says_where_it_looked(ems: Any, tmp_path: Path) -> None:
    outcome = ems("records", "verify", str(tmp_path / "records.db"), "--json")

    assert outcome.code == 1
    assert json.loads(outcome.err)["error"]["code"] == "E-REC-001"


@pytest.mark.loopback
def test_pair_wait_does_not_wait_for_a_peer_that_was_refused(ems: Any, tmp_path: Path) -> None:
    answers = {
        "pair.wait": {"reached": False, "layers": {}},
        "pair.list": {"peers": [{"ski": SKI, "trust": "refused"}], "window_s": 0},
    }
    with fake_service(tmp_path / "s", answers):
        outcome = ems("pair", "wait", SKI, "--socket", str(tmp_path / "s"))

    assert outcome.code == 1


@pytest.mark.loopback
def test_pair_wait_ends_with_5_when_the_time_is_over(ems: Any, tmp_path: Path) -> None:
    answers = {
        "pair.wait": {"reached": False, "layers": {}},
        "pair.list": {"peers": [], "window_s": 0},
    }
    with fake_service(tmp_path / "s", answers):
        outcome = ems("pair", "wait", SKI, "--timeout", "0s", "--socket", str(tmp_path / "s"))

    assert outcome.code == 5
    assert "pair why" in outcome.err


@pytest.mark.loopback
def test_pair_why_names_the_layer_that_is_missing_and_who_can_help(
    ems: Any, tmp_path: Path
) -> None:
    layers = {"found": True, "tls": True, "hello": False, "trusted": True}
    answers = {
        "pair.why": {"code": "", "message": "waits for hello", "hint": "", "params": {}},
        "pair.wait": {"reached": False, "layers": layers},
    }
    with fake_service(tmp_path / "s", answers):
        outcome = ems("pair", "why", SKI, "--lang", "de", "--socket", str(tmp_path / "s"))

    assert "Messstellenbetreiber muss unsere SKI eintragen" in outcome.out


CONTACT = {
    "backend": "file",
    "place": "contact",
    "level": "closed",
    "stable_level": "closed",
    "limiting": False,
    "limiting_when": "open",
    "confirmed": False,
    "fault": None,
}


@pytest.mark.loopback
def test_a_contact_that_does_not_change_teaches_nothing(ems: Any, tmp_path: Path) -> None:
    answers = {"contact.show": CONTACT, "contact.learn": CONTACT}
    with fake_service(tmp_path / "s", answers) as came:
        outcome = ems(
            "contact", "learn", "--active", "open", "--for", "0.3s", "--socket", str(tmp_path / "s")
        )

    assert outcome.code == 5
    assert "contact.learn" not in {name for name, _ in came}


def test_a_polarity_is_never_guessed_without_a_terminal(ems: Any) -> None:
    outcome = ems("contact", "learn")

    assert outcome.code == 2
    assert "--active open" in outcome.err
