"""Every command that asks the service: what people read in both languages, what scripts get."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ems.cli import contact as contact_module
from ems.cli import pair as pair_module

pytestmark = pytest.mark.loopback

SKI = "0123456789abcdef0123456789abcdef01234567"
GROUPED = "0123 4567 89ab cdef 0123 4567 89ab cdef 0123 4567"
SIGNAL = {"limited": True, "limit_w": 15_120, "source": "contact", "restored": False}
FREE = {"limited": False, "limit_w": None, "source": None, "restored": False}
CONTACT = {
    "backend": "file",
    "place": "contact",
    "level": "open",
    "stable_level": "open",
    "limiting": True,
    "limiting_when": "open",
    "confirmed": True,
    "fault": None,
}
PEER = {
    "ski": SKI,
    "ship_id": "BOX-1",
    "name": "",
    "role": "control_box",
    "trust": "pending",
    "layers": {"found": True, "tls": True, "hello": False},
    "host": "192.0.2.7",
    "port": 4712,
}
Ask = Callable[..., Any]


def test_limit_show_tells_every_source_with_its_age(ask: Ask) -> None:
    source = {**SIGNAL, "state": "open", "for_s": 130.0, "remaining_s": None, "fault": "flapping"}
    answers = {"limit.show": {"signal": SIGNAL, "sources": [source]}}

    german = ask("limit", "show", "--lang", "de", answers=answers)
    english = ask("limit", "show", answers=answers)

    assert german.out.splitlines() == [
        "Signal: 15.120 W – Kontakt",
        "  Kontakt: 15.120 W, offen, flattert, seit 2 min",
    ]
    assert english.out.splitlines() == [
        "Signal: 15,120 W – contact",
        "  contact: 15,120 W, open, flaps, for 2 min",
    ]


def test_a_test_limit_is_released_and_nothing_else(ask: Ask) -> None:
    told = ask("limit", "release", answers={"limit.release": {"signal": FREE}})

    assert (told.code, told.out) == (0, "Signal: no limit\n")


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (("10001kW",), "10001kW"),
        (("4200", "--for", "25h"), "25h"),
        (("4200", "--for", "0s"), "0s"),
    ],
)
def test_an_absurd_test_limit_is_refused_with_its_bounds(
    ask: Ask, words: tuple[str, ...], value: str
) -> None:
    told = ask("limit", "test", *words, "--json")

    assert told.code == 2
    assert told.error["code"] == "E-USE-012"
    assert told.error["message"].startswith(f"{value} is not between")


def test_quiet_says_nothing_but_the_exit_code(ask: Ask) -> None:
    assert ask("limit", "release", "--quiet", answers={"limit.release": {"signal": FREE}}) == (
        type(ask("version", "-q"))(0, "", "")
    )


def test_the_list_of_peers_shows_window_trust_and_layers(ask: Ask) -> None:
    told = ask("pair", "list", answers={"pair.list": {"peers": [PEER], "window_s": 61.0}})
    german = ask(
        "pair", "list", "--lang", "de", answers={"pair.list": {"peers": [PEER], "window_s": 0.0}}
    )

    assert told.out.splitlines() == [
        "pairing window open, 61 s left",
        f"{GROUPED}  pending",
        "  BOX-1 192.0.2.7:4712 found ✓ tls ✓ hello ·",
    ]
    assert german.out.splitlines()[0] == f"{GROUPED}  wartet auf Zustimmung"
    assert ask("pair", "list", answers={"pair.list": {"peers": [], "window_s": 0}}).out == "none\n"


def test_discovered_boxes_are_listed_and_none_is_a_time_out(ask: Ask) -> None:
    service = {"ski": SKI, "brand": "Box", "model": "B1", "host": "192.0.2.7", "port": 4712}
    found = ask("pair", "discover", answers={"pair.discover": {"services": [service]}})
    nobody = ask("pair", "discover", "--json", answers={"pair.discover": {"services": []}})

    assert found.out == f"{GROUPED}  Box B1  192.0.2.7:4712\n"
    assert (nobody.code, nobody.error["code"]) == (5, "E-PAIR-001")


@pytest.mark.parametrize(
    ("verb", "more", "words"),
    [
        ("add", ("--host", "192.0.2.7"), "trusted"),
        ("accept", (), "trusted"),
        ("reject", (), "refused"),
        ("remove", ("--yes",), "no longer trusted"),
    ],
)
def test_every_decision_repeats_the_whole_ski(
    ask: Ask, verb: str, more: tuple[str, ...], words: str
) -> None:
    told = ask("pair", verb, SKI, *more, answers={f"pair.{verb}": {"ski": SKI}})

    assert told.code == 0
    assert told.out.endswith(f": {GROUPED}\n")
    if verb != "reject":
        assert told.out.startswith(words)


def test_an_ski_may_be_typed_as_it_is_printed_without_quotes(ask: Ask) -> None:
    groups = GROUPED.upper().split()

    told = ask("pair", "accept", *groups, answers={"pair.accept": {"ski": SKI}})
    short = ask("pair", "accept", *groups[:-1], "--json")

    assert told.out == f"trusted: {GROUPED}\n"
    assert (short.code, short.error["code"]) == (2, "E-PAIR-003")


def test_the_pairing_window_opens_and_closes(ask: Ask) -> None:
    opened = ask("pair", "window", "open", "15m", answers={"pair.window": {"window_s": 900.0}})
    closed = ask("pair", "window", "close", answers={"pair.window": {"window_s": 0.0}})

    assert (opened.out, closed.out) == (
        "pairing window open, 15 min left\n",
        "pairing window closed\n",
    )
    assert ask("pair", "window", "ajar").code == 2


def test_waiting_asks_until_the_state_is_reached(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_module.time, "sleep", lambda _seconds: None)
    reached = iter([{"reached": False, "layers": {}}, {"reached": True, "layers": {}}])
    answers = {"pair.wait": reached, "pair.list": {"peers": [{**PEER, "trust": "trusted"}]}}

    told = ask("pair", "wait", SKI, "--state", "lpc", answers=answers)

    assert (told.code, told.out) == (0, f"{GROUPED}: lpc ✓\n")
    assert ask("pair", "wait", SKI, "--state", "flying").code == 2


def test_why_gives_scripts_the_sentence_in_the_language_asked_for(ask: Ask) -> None:
    answer = {"code": "E-PAIR-004", "message": "aborted", "hint": "", "params": {}}

    told = ask("pair", "why", SKI, "--json", "--lang", "de", answers={"pair.why": answer})

    assert told.data["code"] == "E-PAIR-004"
    assert told.data["text"].startswith("Die Gegenstelle lehnt uns ab.")


def test_the_contact_is_shown_with_its_meaning(ask: Ask) -> None:
    told = ask("contact", "show", "--lang", "de", answers={"contact.show": CONTACT})

    assert told.out == "Kontakt: offen → Limit (Limit = offen ✓)\n"


@pytest.mark.parametrize("as_json", [True, False])
def test_the_contact_is_followed_until_the_service_ends(ask: Ask, *, as_json: bool) -> None:
    closed = {**CONTACT, "level": "closed", "limiting": False}
    words = ("--json",) if as_json else ()

    told = ask("contact", "watch", *words, answers={"stream": [CONTACT, closed]})

    assert told.code == 4
    assert len(told.out.splitlines()) == 2
    assert ("Contact: closed → no limit" in told.out) is not as_json


def test_a_polarity_seen_live_is_learnt(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact_module.time, "sleep", lambda _seconds: None)
    unknown, closed = (dict(CONTACT, stable_level=level) for level in ("unknown", "closed"))
    seen = iter([unknown, closed, closed, CONTACT])

    told = ask(
        "contact",
        "learn",
        "--active",
        "open",
        answers={"contact.show": seen, "contact.learn": CONTACT},
    )

    assert told.code == 0
    assert told.out.startswith("Contact: open → Limit")
    assert "Now have the signal triggered" in told.err


def test_a_contact_that_contradicts_is_not_learnt(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact_module.time, "sleep", lambda _seconds: None)
    seen = iter([CONTACT, {**CONTACT, "stable_level": "closed"}])

    told = ask("contact", "learn", "--active", "open", "--json", answers={"contact.show": seen})

    assert (told.code, told.error["code"]) == (1, "E-CON-004")


@pytest.mark.parametrize(("answer", "limiting"), [("j", "closed"), ("n", "open")])
def test_on_a_terminal_the_meaning_is_asked_for(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, answer: str, limiting: str
) -> None:
    monkeypatch.setattr(contact_module.time, "sleep", lambda _seconds: None)
    monkeypatch.setattr(contact_module.sys.stdin, "isatty", lambda: True)
    typed = iter(["what?", answer])
    monkeypatch.setattr(contact_module.typer, "prompt", lambda *_, **__: next(typed))
    seen = iter([CONTACT, {**CONTACT, "stable_level": "closed"}])
    learnt = {**CONTACT, "limiting_when": limiting}

    told = ask("contact", "learn", answers={"contact.show": seen, "contact.learn": learnt})

    assert told.code == 0
    assert f"Limit = {limiting}" in told.out


def test_a_stream_of_pictures_is_told_in_lines_where_there_is_no_terminal(ask: Ask) -> None:
    picture = {
        "plant": "Haus",
        "at": "2026-11-21T12:00:00+00:00",
        "version": "1",
        "signal": FREE,
        "sources": [],
        "budget_w": None,
        "credit_w": 0,
        "grid_power_w": None,
        "steuve_power_w": 0,
        "steuve": [],
        "alarms": [],
    }

    lines = ask("status", "--watch", answers={"stream": [picture, picture]})
    documents = ask("status", "--watch", "--json", answers={"stream": [picture]})

    assert lines.out.count("Signal: no limit") == 2
    assert documents.out.count('"ok": true') == 1
    assert (lines.code, documents.code) == (4, 4)


def test_steuve_list_is_a_table(ask: Ask) -> None:
    load = {
        "id": "garage",
        "name": "Wallbox Garage",
        "setpoint_w": 4_140,
        "setpoint_a": 6.0,
        "power_w": None,
        "online": False,
        "reason": {"code": "ok_fair", "resource": "", "missing": 0},
    }

    told = ask("steuve", "list", answers={"steuve.list": {"steuve": [load]}})

    assert "Wallbox Garage  4,140 W · 6 A" in told.out
    assert "offline" in told.out


def test_a_reload_that_was_taken_is_confirmed(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ems.cli.config.RELOAD_S", 0.0)

    told = ask(
        "config", "reload", answers={"config.reload": {"requested": True}, "status": {"alarms": []}}
    )

    assert (told.code, told.out) == (0, "ok\n")


def test_a_refused_reload_is_explained_in_german_too(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ems.cli.config.RELOAD_S", 0.0)
    params = {"why": "E-CFG-004 line 3", "why_de": "E-CFG-004 Zeile 3"}
    answers = {
        "config.reload": {},
        "status": {"alarms": [{"code": "E-CFG-001", "subject": "ems.toml", "params": params}]},
    }

    german = ask("config", "reload", "--lang", "de", answers=answers)
    english = ask("config", "reload", answers=answers)

    assert "Zeile 3" in german.err
    assert "line 3" in english.err
    assert german.code == english.code == 3
