"""Identity and configuration: never overwritten, explained in one document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.kit.fake_service import fake_service

SKI = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.loopback
def test_who_may_not_read_the_key_is_shown_the_identity_by_the_service(
    ems: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ems.toml").write_text('schema = 1\n[paths]\nstate_dir = "state"\n')
    folder = tmp_path / "state" / "identity"
    folder.mkdir(parents=True)
    (folder / "ship.key").write_text("secret")
    monkeypatch.setattr("os.access", lambda *_: False)
    card = {"ski": SKI, "ship_id": "EMS-1", "serial": "1", "fingerprint_sha256": "AB"}
    answer = {**card, "remarks": [], "qr": "SHIP;…"}
    with fake_service(tmp_path / "s", {"identity.show": answer}):
        words = ("--socket", str(tmp_path / "s"), "--config", str(tmp_path / "ems.toml"))
        shown = ems("identity", "show", "--json", *words)
        with_qr = ems("identity", "show", "--qr", *words)

    assert shown.document["data"] == {**card, "remarks": []}
    assert with_qr.out.splitlines()[-1] == "SHIP;…"


def test_a_backup_that_is_not_there_is_told_as_a_path(
    ems: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMS_PASSPHRASE", "long enough it is")
    missing = ("--config", str(tmp_path / "none.toml"))
    outcome = ems(
        "identity", "restore", str(tmp_path / "gone"), "--dir", str(tmp_path / "id"), *missing
    )

    assert outcome.code == 2
    assert "E-USE-011" in outcome.err


def test_the_identity_is_made_once_and_never_overwritten(ems: Any, tmp_path: Path) -> None:
    folder = str(tmp_path / "identity")
    missing = ("--config", str(tmp_path / "none.toml"))
    first = ems("identity", "create", "--dir", folder, "--json", *missing)
    again = ems("identity", "create", "--dir", folder, "--json", *missing)
    shown = ems("identity", "show", "--dir", folder, "--json", *missing)

    assert first.code == 0
    assert again.code == 8
    assert json.loads(again.err)["error"]["code"] == "E-ID-002"
    assert shown.document["data"]["ski"] == first.document["data"]["ski"]


@pytest.mark.loopback
def test_a_faulty_file_makes_reload_fail_with_what_the_service_found(
    ems: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ems.cli.config.RELOAD_S", 0.0)
    alarm = {"code": "E-CFG-001", "subject": "ems.toml", "since": "", "params": {"why": "line 3"}}
    answers = {"config.reload": {"requested": True}, "status": {"alarms": [alarm]}}
    with fake_service(tmp_path / "s", answers):
        outcome = ems("config", "reload", "--json", "--socket", str(tmp_path / "s"))

    error = json.loads(outcome.err)["error"]
    assert outcome.code == 3
    assert (error["code"], "line 3" in error["message"]) == ("E-CFG-001", True)


@pytest.mark.loopback
def test_a_broken_configuration_does_not_hide_the_running_service(ems: Any, tmp_path: Path) -> None:
    broken = tmp_path / "ems.toml"
    broken.write_text("schema = 1\n[plnt]\n", "utf-8")
    (tmp_path / "state").mkdir()
    with fake_service(tmp_path / "state" / "api.sock", {"status": {"plant": "Haus"}}):
        outcome = ems("status", "--json", "--config", str(broken))

    assert outcome.code == 0


def test_config_check_tells_every_problem_in_one_document(ems: Any, tmp_path: Path) -> None:
    broken = tmp_path / "ems.toml"
    broken.write_text("schema = 1\n[plnt]\n[eebus]\nport = 99999\n", "utf-8")
    outcome = ems("config", "check", "--config", str(broken), "--json")

    error = json.loads(outcome.err)["error"]
    assert outcome.code == 3
    assert error["hint"] == "Did you mean “plant”?"
    assert len(error["details"]) == 1


def test_a_key_survives_backup_and_restore(
    ems: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMS_PASSPHRASE", "long enough 12")
    none = ("--config", str(tmp_path / "none.toml"), "--json")
    file, old, new = (str(tmp_path / name) for name in ("key.json", "old", "new"))
    made = ems("identity", "create", "--dir", old, *none)
    saved = ems("identity", "backup", file, "--dir", old, *none)
    twice = ems("identity", "backup", file, "--dir", old, *none)
    back = ems("identity", "restore", file, "--dir", new, *none)

    assert (saved.code, twice.code, back.code) == (0, 8, 0)
    assert back.document["data"]["ski"] == made.document["data"]["ski"]
    assert Path(file).stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_written_is_no_internal_error(
    ems: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMS_PASSPHRASE", "long enough 12")
    none = ("--config", str(tmp_path / "none.toml"), "--json")
    ems("identity", "create", "--dir", str(tmp_path / "id"), *none)
    missing = str(tmp_path / "missing" / "key.json")
    outcome = ems("identity", "backup", missing, "--dir", str(tmp_path / "id"), *none)

    assert outcome.code == 2
    assert json.loads(outcome.err)["error"]["code"] == "E-USE-011"


PLANT = (
    'schema = 1\n[paths]\nstate_dir = "state"\n[[steuve]]\nid = "garage"\nkind = "wallbox"\n'
    'rated_w = 11000\ndevice = "keba_p30"\nhost = "192.0.2.1"\n'
)


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    path = tmp_path / "ems.toml"
    path.write_text(PLANT)
    return str(path)


def test_a_good_configuration_is_confirmed_with_what_is_doubtful(ems: Any, plant: str) -> None:
    told = ems("config", "check", "--config", plant)
    machine = ems("run", "--check", "--config", plant, "--json")

    assert (told.code, told.out) == (0, "Configuration is fine\n")
    assert "W-CFG-106" in told.err
    assert machine.document["data"]["steuve"] == 1
    assert [w[:9] for w in machine.document["warnings"]] == ["W-CFG-106"]


def test_the_schema_is_one_that_machines_read(ems: Any) -> None:
    schema = json.loads(ems("config", "schema").out)

    assert schema["$schema"].startswith("https://json-schema.org/")
    assert "steuve" in schema["properties"]
    assert ems("config", "schema", "--json").document["data"] == schema


def test_the_reference_is_the_page_of_the_documentation(ems: Any) -> None:
    page = Path(__file__).parents[4] / "docs" / "configuration.md"

    assert ems("config", "reference").out == page.read_text("utf-8")


def test_p_min_of_the_configured_plant(ems: Any, plant: str) -> None:
    together = ems("pmin", "--config", plant)
    each = ems("pmin", "--config", plant, "--direct", "--json")

    assert "4,200 W  (n = 1)" in together.out
    assert each.document["data"] == {"control": "direct", "pmin_direct_w": {"garage": 4_200}}
    assert "wallbox-1: 4,200 W" in ems("pmin", "--wallbox", "11kW", "--direct").out


def test_an_identity_of_the_plant_is_made_and_shown_where_the_configuration_says(
    ems: Any, plant: str, tmp_path: Path
) -> None:
    nobody = ems("identity", "show", "--config", plant, "--json")
    made = ems("identity", "create", "--config", plant)
    shown = ems("identity", "show", "--qr", "--config", plant)

    assert (nobody.code, json.loads(nobody.err)["error"]["code"]) == (1, "E-ID-003")
    assert (tmp_path / "state" / "identity" / "ship.key").exists()
    assert made.out.splitlines()[0] == shown.out.splitlines()[0]
    assert shown.out.splitlines()[-1].startswith("SHIP;SKI:")


def test_a_damaged_identity_is_told_and_left_alone(ems: Any, plant: str, tmp_path: Path) -> None:
    ems("identity", "create", "--config", plant)
    key = tmp_path / "state" / "identity" / "ship.key"
    key.write_text("garbage")

    told = ems("identity", "show", "--config", plant, "--json")

    assert (told.code, json.loads(told.err)["error"]["code"]) == (3, "E-ID-001")
    assert key.read_text() == "garbage"


def test_a_passphrase_is_asked_for_on_a_terminal_only(
    ems: Any, plant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ems("identity", "create", "--config", plant)
    monkeypatch.delenv("EMS_PASSPHRASE", raising=False)
    backup = str(tmp_path / "key.json")

    refused = ems("identity", "backup", backup, "--config", plant, "--json")
    monkeypatch.setattr("ems.cli.identity.sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("ems.cli.identity.typer.prompt", lambda *_, **__: "long enough it is")
    saved = ems("identity", "backup", backup, "--config", plant)
    again = ems("identity", "backup", backup, "--config", plant, "--json")

    assert json.loads(refused.err)["error"]["code"] == "E-USE-004"
    assert saved.code == 0
    assert (again.code, json.loads(again.err)["error"]["code"]) == (8, "E-ID-005")


def test_a_backup_that_is_none_changes_nothing(
    ems: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMS_PASSPHRASE", "long enough it is")
    (tmp_path / "key.json").write_text("{}")
    folder = tmp_path / "identity"
    missing = ("--config", str(tmp_path / "none.toml"))

    told = ems(
        "identity", "restore", str(tmp_path / "key.json"), "--dir", str(folder), "--json", *missing
    )

    assert (told.code, json.loads(told.err)["error"]["code"]) == (1, "E-ID-004")
    assert not (folder / "ship.key").exists()
