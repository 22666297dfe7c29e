"""Rules over several sections: references, rings, addresses, static checks (allocation.md 1.8)."""

from __future__ import annotations

from datetime import date

import pytest

from drivers.api import Capability, ControlUnit
from ems.config.devices import check_dead_man, check_pmin, failsafe_w
from ems.config.load import parse_site
from ems.config.problem import ConfigError, Problem

DAY = date(2026, 11, 21)
METER = '\n[[meter]]\nid = "grid"\nrole = "grid"\ndevice = "kostal_ksem"\nhost = "10.0.0.1"\n'


def box(name: str, **keys: object) -> str:
    told: dict[str, object] = {
        "id": name,
        "kind": "wallbox",
        "rated_w": 11_000,
        "device": "keba_p30",
        "host": f"{name}.local",
    }
    lines = [f"{key} = {_toml(value)}" for key, value in (told | keys).items() if value is not None]
    return "\n[[steuve]]\n" + "\n".join(lines) + "\n"


def circuit(name: str, **keys: object) -> str:
    lines = [f"{key} = {_toml(value)}" for key, value in ({"id": name} | keys).items()]
    return "\n[[circuit]]\n" + "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def problems(*parts: str) -> list[Problem]:
    try:
        return list(parse_site("schema = 1\n" + "".join(parts)).warnings)
    except ConfigError as error:
        return list(error.problems)


def codes(*parts: str) -> list[str]:
    return [problem.code for problem in problems(METER, *parts)]


def test_a_sound_plant_has_nothing_to_tell() -> None:
    assert codes(box("garage"), box("yard")) == []


@pytest.mark.parametrize(
    "second",
    [
        box("garage", host="other"),
        METER.replace('"grid"\nrole = "grid"', '"garage"\nrole = "pv"').replace(
            "10.0.0.1", "10.0.0.2"
        ),
    ],
)
def test_an_id_is_used_once(second: str) -> None:
    assert codes(box("garage"), second) == ["E-CFG-010"]


def test_a_circuit_that_does_not_exist_is_named_with_a_guess() -> None:
    (problem,) = problems(METER, circuit("garage"), box("one", circuit="garge"))

    assert (problem.code, problem.key) == ("E-CFG-011", "steuve.one.circuit")
    assert problem.hint("en") == "Did you mean “garage”?"
    assert problem.line == 18


def test_a_parent_that_does_not_exist_is_refused() -> None:
    assert codes(circuit("a", parent="nowhere")) == ["E-CFG-011"]


@pytest.mark.parametrize(
    "ring",
    [
        circuit("a", parent="a"),
        circuit("a", parent="b") + circuit("b", parent="a"),
        circuit("c", parent="a") + circuit("a", parent="b") + circuit("b", parent="a"),
    ],
)
def test_circuits_are_a_forest(ring: str) -> None:
    assert codes(ring) == ["E-CFG-012"]


def test_a_tree_of_circuits_is_sound() -> None:
    tree = circuit("main", limit_a=63) + circuit("a", parent="main") + circuit("b", parent="a")

    assert codes(tree) == []


def test_there_is_one_grid_meter() -> None:
    second = METER.replace('id = "grid"', 'id = "other"').replace("10.0.0.1", "10.0.0.2")

    assert codes(second) == ["E-CFG-013"]


def test_no_grid_meter_is_a_warning() -> None:
    assert [problem.code for problem in problems(box("garage"))] == ["W-CFG-106"]


def test_a_contact_named_but_not_described_is_refused() -> None:
    assert codes('[signal]\nsources = ["contact"]\n') == ["E-CFG-014"]


def test_a_contact_described_but_not_named_is_a_warning() -> None:
    assert codes('[signal.contact]\nbackend = "file"\npath = "c"\n') == ["W-CFG-112"]


@pytest.mark.rule("R-14A-63")
def test_an_unconfirmed_polarity_is_a_warning() -> None:
    text = '[signal]\nsources = ["contact"]\n[signal.contact]\nbackend = "file"\npath = "c"\n'

    assert codes(text) == ["W-CFG-108"]


@pytest.mark.rule("R-14A-22")
def test_a_polarity_that_hides_a_broken_wire_is_a_warning() -> None:
    text = (
        '[signal]\nsources = ["contact"]\n[signal.contact]\nbackend = "file"\npath = "c"\n'
        'confirmed = true\nlimiting_when = "closed"\n'
    )

    assert codes(text) == ["W-CFG-107"]


@pytest.mark.parametrize(
    ("text", "missing"),
    [('backend = "file"', "path"), ('backend = "gpiozero"', 'pin = "GPIO17"')],
)
def test_a_contact_needs_its_place(text: str, missing: str) -> None:
    (problem,) = problems(METER, f"[signal.contact]\n{text}\n")

    assert problem.code == "E-CFG-017"
    assert problem.message() == f"signal.contact braucht {missing}"


def test_a_source_is_named_once() -> None:
    assert codes('[signal]\nsources = ["eebus", "eebus"]\n') == ["E-CFG-010"]


def test_a_pin_has_one_user() -> None:
    contact = (
        '[signal]\nsources = ["contact"]\n[signal.contact]\npin = "GPIO17"\nconfirmed = true\n'
    )
    pump = box("pump", kind="heatpump", device="sg_ready", host=None, pin_a="gpio17")

    assert codes(contact, pump) == ["E-CFG-015"]


def test_two_devices_at_one_address_are_refused() -> None:
    same = {"host": "10.0.0.9", "port": 502, "unit_id": 1}

    assert codes(box("a", **same), box("b", **same)) == ["E-CFG-018"]


def test_two_units_behind_one_address_are_sound() -> None:
    assert codes(box("a", host="h", unit_id=1), box("b", host="h", unit_id=2)) == []


def test_an_inverter_may_be_meter_and_battery() -> None:
    battery = box("battery", kind="battery", device="sunspec_storage", host="10.0.0.1")

    assert codes(battery) == []


def test_an_unknown_device_map_is_refused_with_a_guess() -> None:
    (problem,) = problems(METER, box("garage", device="keba_p3"))

    assert (problem.code, problem.guess) == ("E-CFG-016", "keba_p30")


def test_a_device_of_another_kind_is_refused() -> None:
    (problem,) = problems(METER, box("garage", device="idm"))

    assert problem.code == "E-CFG-016"
    assert "keba_p30" in problem.hint()
    assert "idm" not in problem.allowed


def test_a_network_device_needs_a_host() -> None:
    (problem,) = problems(METER, box("garage", host=None))

    assert (problem.code, problem.message("en")) == ("E-CFG-017", "steuve.garage needs host")


def test_a_relay_device_needs_its_pin() -> None:
    assert codes(box("pump", kind="heatpump", device="sg_ready", host=None)) == ["E-CFG-017"]


def test_a_circuit_above_its_parent_is_a_warning() -> None:
    tree = circuit("main", limit_a=32) + circuit("garage", parent="main", limit_a=63)

    assert codes(tree) == ["W-CFG-103"]


def test_a_circuit_too_small_for_a_wallbox_is_a_warning() -> None:
    assert codes(circuit("thin", limit_a=5), box("a", circuit="thin")) == ["W-CFG-104"]
    assert codes(circuit("thin", limit_a=5)) == []


def test_three_one_phase_wallboxes_need_their_rotation() -> None:
    bare = [box(name, phases=1, rated_w=4_600) for name in ("a", "b", "c")]

    assert codes(*bare) == ["W-CFG-105"]
    assert codes(*bare[:2]) == []


def test_more_devices_than_the_connection_carries_is_a_warning() -> None:
    text = "[connection]\nfuse_a = 35\n"

    assert codes(text, box("a"), box("b")) == []
    assert codes(text, box("a"), box("b"), box("c")) == ["W-CFG-101"]


def test_a_rating_that_the_current_cannot_carry_is_a_warning() -> None:
    assert codes(box("a", rated_w=22_000, max_a=16)) == ["W-CFG-111"]
    assert codes(box("a", rated_w=22_000, max_a=32)) == []


def test_errors_come_before_warnings() -> None:
    found = problems(box("a"), box("a", host="b.local"))

    assert [problem.code for problem in found] == ["E-CFG-010"]


# --- with P_min ------------------------------------------------------------------------------


def capability(failsafe_ma: int | None) -> Capability:
    return Capability(control=ControlUnit.CURRENT, failsafe_ma=failsafe_ma)


@pytest.mark.rule("R-14A-54")
def test_a_dead_ems_may_leave_no_more_than_pmin() -> None:
    site = parse_site("schema = 1\n" + box("a") + box("b")).site

    def told(*amps: int | None) -> list[dict[str, str]]:
        known = {
            name: capability(None if amp is None else amp * 1_000)
            for name, amp in zip(("a", "b"), amps, strict=True)
        }
        found = check_dead_man(site, DAY, capabilities=known)
        assert all(problem.code == "W-CFG-102" for problem in found)
        return [dict(problem.params) for problem in found]

    assert told(0, 6) == []
    assert told(6, 6) == [{"sum_w": "8280", "pmin_w": "7560", "unknown": "–"}]
    assert told(0, None) == [{"sum_w": "11000", "pmin_w": "7560", "unknown": "b"}]


def test_a_device_that_does_not_count_needs_no_fall_back() -> None:
    site = parse_site("schema = 1\n" + box("a", rated_w=4_200)).site

    assert check_dead_man(site, DAY, capabilities={"a": capability(None)}) == []


def test_the_fall_back_of_a_power_device_is_its_own_watts() -> None:
    site = parse_site("schema = 1\n" + box("a")).site
    power = Capability(control=ControlUnit.POWER, failsafe_w=1_500)

    assert failsafe_w(site.steuve[0], power) == 1_500
    assert failsafe_w(site.steuve[0], capability(6_000)) == 4_140


@pytest.mark.rule("R-14A-12")
def test_nothing_to_control_is_told() -> None:
    site = parse_site("schema = 1\n" + box("a", rated_w=4_200)).site

    assert [problem.code for problem in check_pmin(site, DAY, {})] == ["W-CFG-109"]


def test_an_approved_value_below_the_minimum_is_told() -> None:
    text = "schema = 1\n[signal]\nfailsafe_limit_w = 4199\n"
    site = parse_site(text + box("a")).site

    (problem,) = check_pmin(site, DAY, {})

    assert (problem.code, problem.params["pmin_w"]) == ("W-CFG-110", "4200")
