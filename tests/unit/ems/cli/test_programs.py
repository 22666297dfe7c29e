"""Commands that are programs of their own: the service, the simulators, the demo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ems.cli.main import main
from ems.runtime import app
from ems.runtime.alone import Claim
from ems.sim import control_box, site

PLANT = 'schema = 1\n[paths]\nstate_dir = "state"\n'
SKI = "0123456789abcdef0123456789abcdef01234567"


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    told = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, told.out, told.err


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("EMS_LANG", "en")
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    path = tmp_path / "ems.toml"
    path.write_text(PLANT)
    return str(path)


def test_a_second_service_is_refused_with_exit_code_8(
    capsys: pytest.CaptureFixture[str], config: str, tmp_path: Path
) -> None:
    claim = Claim(tmp_path / "state")
    try:
        code, out, err = run(capsys, "run", "--config", config, "--json")
    finally:
        claim.release()

    assert (code, out) == (8, "")
    assert json.loads(err)["error"]["code"] == "E-SRV-009"


@pytest.mark.parametrize(("lang", "words"), [("de", "Zeile 2: Unbekannter"), ("en", "line 2: Un")])
def test_a_broken_configuration_ends_the_service_in_the_language_of_the_reader(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    lang: str,
    words: str,
) -> None:
    monkeypatch.setattr(app, "INSTALLED", tmp_path / "nowhere")
    broken = tmp_path / "ems.toml"
    broken.write_text("schema = 1\n[plnat]\n")

    for command in (("run",), ("run", "--check"), ("sim", "site")):
        code, out, err = run(capsys, *command, "--config", str(broken), "--lang", lang)
        assert (code, out) == (3, "")
        assert f"E-CFG-004: {words}" in err


def test_the_service_gets_its_options_and_its_exit_code_is_ours(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, config: str
) -> None:
    asked: list[Any] = []

    def service(options: app.Options) -> int:
        asked.append(options)
        return 0

    monkeypatch.setattr(app, "run_service", service)

    code, _, _ = run(capsys, "run", "--config", config, "--speed", "10", "--socket", "/x/api.sock")

    assert code == 0
    assert (asked[0].config, asked[0].speed, asked[0].socket) == (
        Path(config),
        10.0,
        Path("/x/api.sock"),
    )


def test_the_simulators_get_their_options(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, config: str, tmp_path: Path
) -> None:
    asked: list[Any] = []

    async def play(options: Any) -> int:
        asked.append(options)
        return 6

    monkeypatch.setattr(control_box, "run_control_box", play)
    monkeypatch.setattr(site, "run_site", play)
    box = ("sim", "control-box", "--identity", str(tmp_path), "--peer", SKI.upper())

    codes = [
        run(capsys, *box, "--dial", "[::1]:4712", "--interface", "127.0.0.1")[0],
        run(capsys, *box, "--listen", "0", "--mdns")[0],
        run(capsys, "sim", "site", "--config", config, "--fault", "garage:offline", "--seed", "3")[
            0
        ],
    ]

    assert codes == [6, 6, 6]
    dialling, listening, plant = asked
    assert (dialling.peer, dialling.dial, dialling.listen) == (SKI, ("::1", 4712), None)
    assert (listening.dial, listening.listen, listening.mdns) == (None, 0, True)
    assert (plant.faults, plant.seed) == (("garage:offline",), 3)


@pytest.mark.parametrize("dial", ["4712", ":4712", "host:", "host:port"])
def test_an_endpoint_needs_host_and_port(capsys: pytest.CaptureFixture[str], dial: str) -> None:
    code, _, err = run(
        capsys, "sim", "control-box", "--identity", "x", "--peer", SKI, "--dial", dial, "--json"
    )

    assert code == 2
    assert json.loads(err)["error"]["code"] == "E-USE-009"


@pytest.mark.parametrize("words", [("version",), ("--version",), ("--json", "version")])
def test_the_version_is_told_with_the_standards_behind_it(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    code, out, _ = run(capsys, *words)

    assert code == 0
    assert "1.0.1" in out
    assert "1.3.0" in out


def test_ctrl_c_is_exit_code_130(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, config: str
) -> None:
    def interrupted(_options: app.Options) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "run_service", interrupted)

    assert run(capsys, "run", "--config", config)[0] == 130


def test_a_bug_is_exit_code_70_with_its_name_and_no_trace(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, config: str
) -> None:
    def buggy(_options: app.Options) -> int:
        raise LookupError("lost")

    monkeypatch.setattr(app, "run_service", buggy)
    monkeypatch.delenv("EMS_DEBUG", raising=False)

    code, out, err = run(capsys, "run", "--config", config, "--json")

    assert (code, out) == (70, "")
    assert json.loads(err)["error"]["message"] == "Internal error: LookupError: lost"
    monkeypatch.setenv("EMS_DEBUG", "1")
    with pytest.raises(LookupError):
        main(["run", "--config", config])


def test_a_closed_pipe_is_no_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("ems.cli.main.build", closed)
    monkeypatch.setattr("ems.cli.main.os.dup2", lambda *_: None)

    assert run(capsys, "version")[0] == 0
