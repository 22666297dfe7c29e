"""``ems doctor`` sees what the installer would see, and says what to do about it."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ems.cli import doctor

Ems = Callable[..., Any]


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def plant(folder: Path, device_port: int, ship_port: int = 0) -> str:
    path = folder / "ems.toml"
    path.write_text(
        f'schema = 1\n[paths]\nstate_dir = "state"\n[eebus]\nport = {ship_port}\n[[steuve]]\n'
        'id = "garage"\nkind = "wallbox"\nrated_w = 11000\ndevice = "keba_p30"\n'
        f'host = "127.0.0.1"\nport = {device_port}\n'
    )
    return str(path)


@pytest.fixture
def _network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_addresses", lambda: ["192.0.2.9"])
    monkeypatch.setattr(doctor, "_mdns", lambda: doctor._word("mdns_port", "shareable", ok=True))


@pytest.mark.loopback
@pytest.mark.usefixtures("_network")
def test_a_healthy_network_is_told_line_by_line(ems: Ems, tmp_path: Path, listening: int) -> None:
    told = ems("doctor", "network", "--config", plant(tmp_path, listening))

    assert told.code == 0
    assert told.out.splitlines()[:4] == [
        "✓ addresses: 192.0.2.9",
        "✓ SHIP port 0: free",
        "✓ mDNS port 5353: can be shared",
        f"✓ device garage 127.0.0.1:{listening}: answers",
    ]


@pytest.mark.loopback
@pytest.mark.usefixtures("_network")
def test_a_device_that_does_not_answer_and_a_taken_port_end_with_1_and_a_cure(
    ems: Ems, tmp_path: Path, listening: int
) -> None:
    path = plant(tmp_path, device_port=1, ship_port=listening)

    german = ems("doctor", "network", "--config", path, "--lang", "de")
    machine = ems("doctor", "network", "--config", path, "--json")

    assert german.code == machine.code == 1
    assert "✗ Gerät garage 127.0.0.1:1: Verbindung abgelehnt" in german.out
    assert f"✗ SHIP-Port {listening}: Adresse ist schon belegt" in german.out
    assert "  → Das andere Programm beenden" in german.out
    document = json.loads(machine.out)
    assert document["ok"] is False
    assert {one["what"] for one in document["data"]["findings"] if not one["ok"]} == {
        f"SHIP port {listening}",
        "device garage 127.0.0.1:1",
    }


@pytest.mark.loopback
def test_the_port_of_our_own_service_is_fine(
    ems: Ems, tmp_path: Path, listening: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_is_running", lambda _cli: True)

    told = ems("doctor", "network", "--config", plant(tmp_path, listening, ship_port=listening))

    assert f"✓ SHIP port {listening}: our service" in told.out


@pytest.mark.parametrize(
    ("libraries", "code"),
    [({"gpiozero", "lgpio"}, 0), ({"gpiozero", "gpiod"}, 0), ({"gpiozero"}, 1), (set[str](), 1)],
)
def test_gpio_needs_a_chip_the_right_to_it_and_one_of_two_libraries(
    ems: Ems, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, libraries: set[str], code: int
) -> None:
    chip = tmp_path / "gpiochip0"
    chip.touch()
    monkeypatch.setattr(Path, "glob", lambda *_: iter([chip]))
    monkeypatch.setattr(
        doctor.importlib.util, "find_spec", lambda name: object() if name in libraries else None
    )

    told = ems("doctor", "gpio")

    assert told.code == code
    assert f"✓ GPIO chips: {chip}" in told.out
    assert f"✓ right to use {chip}: yes" in told.out


def test_a_machine_without_gpio_is_told_what_it_can_do(
    ems: Ems, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "glob", lambda *_: iter(()))

    told = ems("doctor", "gpio", "--lang", "de")

    assert told.code == 1
    assert 'nur über backend = "file"' in told.out
