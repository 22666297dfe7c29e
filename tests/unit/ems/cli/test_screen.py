"""The status screen fits a terminal of 80 columns and 24 rows, whatever the plant."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from ems.cli import texts
from ems.cli.screen import screen

LOAD: dict[str, Any] = {
    "id": "garage",
    "name": "Wallbox in der Tiefgarage hinten links",
    "setpoint_w": 11_040,
    "setpoint_a": 15.999,
    "power_w": 10_987,
    "online": True,
    "reason": {"code": "hold_exposure", "resource": "", "missing": 0},
}
SOURCE = {"limited": True, "limit_w": 4200, "source": "eebus", "restored": False}
DATA: dict[str, Any] = {
    "plant": "Musterhaus",
    "at": "2026-07-21T12:00:00+00:00",
    "version": "0.1.0",
    "signal": SOURCE,
    "sources": [{**SOURCE, "state": "limited", "remaining_s": 5.0, "fault": None}],
    "budget_w": 4200,
    "credit_w": 1000,
    "grid_power_w": 4711,
    "steuve_power_w": 4100,
    "meters": [{"role": "grid", "phases_w": [1500, 1600, 1611]}],
    "steuve": [LOAD] * 64,
    "alarms": [{"code": "E-DEV-001", "subject": "garage", "params": {}}],
    "eebus": {
        "peers": [{"ski": "ab" * 20, "layers": {"found": True, "heartbeat": True}}],
        "last_heartbeat_age_s": 12.0,
    },
}


def shown(lang: int, *, rows: int | None = None) -> list[str]:
    console = Console(file=io.StringIO(), width=80, highlight=False)
    console.print(screen(DATA, lang, rows=rows))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("lang", [texts.DE, texts.EN])
def test_64_loads_fit_24_rows_and_the_rest_is_counted(lang: int) -> None:
    lines = shown(lang, rows=24)

    assert len(lines) <= 24
    assert max(len(line.rstrip()) for line in lines) <= 80
    assert any("ems steuve list" in line for line in lines)
    assert "E-DEV-001" in lines[1]
    assert "EEBUS" in lines[-1]


def test_a_set_point_is_never_shown_higher_than_it_is() -> None:
    assert any("15,9 A" in line for line in shown(texts.DE))


def test_time_is_that_of_the_clock_in_the_house() -> None:
    assert "21.07.2026 14:00:00" in shown(texts.DE)[0]
    assert "2026-07-21 14:00:00" in shown(texts.EN)[0]


def test_a_failsafe_value_that_the_box_wrote_is_shown_as_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not any("failsafe value" in line for line in shown(texts.EN))
    told = {"failsafe_from_box": True, "failsafe_w": 4_200, "failsafe_duration_s": 7_200.0}
    monkeypatch.setitem(DATA, "eebus", {**DATA["eebus"], **told})

    assert "failsafe value of the control box: 4,200 W, 2 h 00 min" in shown(texts.EN)[-2]


def test_an_alarm_says_what_to_do_below_it() -> None:
    lines = shown(texts.EN)

    assert "Device does not answer" in lines[1]
    assert lines[2].startswith("  → Its share stays reserved.")
