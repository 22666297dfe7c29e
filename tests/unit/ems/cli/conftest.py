"""The command line as a person or a script meets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ems.cli.main import main
from tests.kit.fake_service import fake_service


@dataclass
class Told:
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        assert self.out.count("\n") == 1
        return json.loads(self.out)["data"]

    @property
    def error(self) -> Any:
        assert self.out == ""
        return json.loads(self.err)["error"]


@pytest.fixture
def ask(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Told]:
    """Run a command against a service that gives ``answers``."""
    monkeypatch.setenv("EMS_LANG", "en")
    for name in ("EMS_SOCKET", "EMS_CONFIG", "STATE_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: object, answers: dict[str, Any] | None = None) -> Told:
        capsys.readouterr()
        path = tmp_path / "service"
        with fake_service(path, answers or {}), pytest.raises(SystemExit) as ended:
            main([*map(str, words), "--socket", str(path)])
        told = capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return Told(code, told.out, told.err)

    return run


@dataclass
class Outcome:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        assert self.out.count("\n") == 1
        return json.loads(self.out)


@pytest.fixture
def ems(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("EMS_LANG", "en")
    monkeypatch.delenv("EMS_SOCKET", raising=False)
    monkeypatch.delenv("EMS_CONFIG", raising=False)

    def run(*words: str) -> Outcome:
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        told = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), told.out, told.err)

    return run
