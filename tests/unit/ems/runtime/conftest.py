"""The small plant of `tests/kit/house.py`, made and closed for one test."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ems.runtime import plantlife
from tests.kit.clock import FakeClock
from tests.kit.house import PLANT, Garage, House


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    (tmp_path / "ems.toml").write_text(PLANT)
    (tmp_path / "state").mkdir()
    monkeypatch.delenv("EMS_SOCKET", raising=False)
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    garage = Garage()
    monkeypatch.setattr(plantlife, "open_load", garage.open_load)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        house = House(tmp_path, garage, FakeClock(), listener)
        house.contact("closed")
        yield house
        for life in house.lives:
            life.proof.journal.close()
