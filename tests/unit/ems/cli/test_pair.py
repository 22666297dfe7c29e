"""What ``ems pair`` says when a decision does not fit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ems.cli.main import main
from ems.runtime.service import CallError
from tests.kit.fake_service import fake_service

SKI = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.loopback
@pytest.mark.parametrize(
    ("verb", "code", "exit_code"),
    [("accept", "E-PAIR-012", 6), ("remove", "E-PAIR-013", 6), ("reject", "E-INT-001", 70)],
)
def test_a_decision_that_does_not_fit_is_explained(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    verb: str,
    code: str,
    exit_code: int,
) -> None:
    yes = ["--yes"] if verb == "remove" else []
    refusal = CallError(code, "told in English")
    with (
        fake_service(tmp_path / "s", {f"pair.{verb}": refusal}),
        pytest.raises(SystemExit) as ended,
    ):
        main(["pair", verb, SKI, *yes, "--json", "--lang", "de", "--socket", str(tmp_path / "s")])

    error = json.loads(capsys.readouterr().err)["error"]
    assert ended.value.code == exit_code
    assert error["code"] == code
    assert error["hint"]
    assert (error["message"] == "told in English") is False


@pytest.mark.loopback
def test_a_box_that_does_not_answer_is_told_with_its_address(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    why = {"code": "E-PAIR-001", "message": "192.0.2.7:4712: refused", "hint": "", "params": {}}
    with fake_service(tmp_path / "s", {"pair.why": why}), pytest.raises(SystemExit):
        main(["pair", "why", SKI, "--lang", "de", "--socket", str(tmp_path / "s")])

    told = capsys.readouterr().out
    assert "noch keine Verbindung" in told
    assert "(192.0.2.7:4712: refused)" in told
