"""The configuration of a run is the first plant and passes the strict reader."""

from __future__ import annotations

from pathlib import Path

from ems.config.load import load_site
from ems.demo.plant_toml import PlantOptions, plant_toml

PORTS = {"grid": 1601, "garage": 1501, "carport": 1502, "yard": 1503, "heatpump": 1504}


def test_the_first_plant_is_read_without_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "ems.toml"
    text = plant_toml(PlantOptions(eebus_port=4712, ports=PORTS | {"battery": 1505}))
    path.write_text(text, encoding="utf-8")

    site = load_site(path).site

    assert [(s.id, s.kind.value, s.rated_w, s.priority) for s in site.steuve] == [
        ("garage", "wallbox", 11_000, 9),
        ("carport", "wallbox", 11_000, 5),
        ("yard", "wallbox", 11_000, 3),
        ("heatpump", "heatpump", 6_000, 9),
        ("battery", "battery", 5_000, 1),
    ]
    assert site.signal.sources == ("eebus", "contact")
    assert site.eebus.interfaces == ("127.0.0.1",)
    assert {d.host for d in (*site.steuve, *site.meter)} == {"127.0.0.1"}
    assert site.control.escalation


def test_escalation_can_be_switched_off_and_ports_may_still_be_unknown(tmp_path: Path) -> None:
    path = tmp_path / "ems.toml"
    options = PlantOptions(eebus_port=0, escalation=False, language="en")
    path.write_text(plant_toml(options), encoding="utf-8")

    site = load_site(path).site

    assert not site.control.escalation
    assert site.plant.language == "en"
