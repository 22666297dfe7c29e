"""Reading the proof: events by time, restored after a kill, exported for the grid operator."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ems.control.grid_limit import Source
from ems.journal.evidence import Evidence, SiteFacts
from ems.journal.export import BOM, COLUMNS, to_csv, to_json
from ems.journal.localtime import local_text
from ems.journal.report import event, events, notes, open_events
from ems.journal.store import Journal
from ems.journal.verify import verify
from tests.kit.decisions import decision, source

UTC_0 = datetime(2026, 11, 21, 17, 0, tzinfo=UTC)


class Plant:
    """One service with its journal; may be killed and started again."""

    def __init__(self, path: Path, utc: datetime = UTC_0) -> None:
        self.path = path
        self.utc = utc
        self.ids = 0
        self.start()

    def new_id(self) -> str:
        self.ids += 1
        return f"event-{self.ids}"

    def start(self) -> None:
        self.now = 500.0
        self.journal = Journal(self.path, utc=self.utc)
        self.evidence = Evidence(SiteFacts(software_version="0.1.0"), new_id=self.new_id)
        for draft in self.evidence.restore(open_events(self.path), self.utc):
            self.journal.append_draft(draft)

    def kill(self) -> None:
        """What is in memory is gone; what is committed stays."""
        self.journal.close()

    def limit(self, power_w: int | None, *, for_s: int, drawn_w: int = 0) -> None:
        view = source(Source.EEBUS, power_w)
        for _ in range(for_s):
            for draft in self.evidence.observe(decision(view, drawn_w=drawn_w), self.now, self.utc):
                self.journal.append_draft(draft)
            self.now += 1.0
            self.utc += timedelta(seconds=1)

    def note(self, kind: str, **data: object) -> None:
        self.journal.append_draft(self.evidence.note(kind, data, self.utc))


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return Plant(tmp_path / "records.db")


def test_events_are_listed_in_the_order_of_their_starts(plant: Plant) -> None:
    plant.limit(4_200, for_s=30)
    plant.limit(None, for_s=30)
    plant.limit(0, for_s=30)
    plant.kill()

    first, second = [one.summary() for one in events(plant.path)]

    assert (first["event_id"], first["ceilings_w"], first["open"]) == ("event-1", [4_200], False)
    assert (second["event_id"], second["ceilings_w"], second["open"]) == ("event-2", [0], True)
    assert first["received_at"] == "2026-11-21T17:00:00.000Z"
    assert first["received_local"] == "2026-11-21T18:00:00.000+01:00"


def test_a_time_range_finds_every_event_in_force_in_it(plant: Plant) -> None:
    plant.limit(4_200, for_s=60)
    plant.limit(None, for_s=60)
    plant.limit(3_000, for_s=60)
    plant.kill()

    def found(since_s: int, until_s: int) -> list[str]:
        low, high = UTC_0 + timedelta(seconds=since_s), UTC_0 + timedelta(seconds=until_s)
        return [one.event_id for one in events(plant.path, since=low, until=high)]

    assert found(-60, -1) == []
    assert found(-60, 5) == ["event-1"]
    assert found(30, 31) == ["event-1"]
    assert found(70, 100) == []
    assert found(30, 150) == ["event-1", "event-2"]
    assert found(100_000, 200_000) == ["event-2"]


def test_one_event_is_shown_by_its_id_or_its_beginning(plant: Plant) -> None:
    plant.limit(4_200, for_s=5)
    plant.limit(None, for_s=5)
    plant.limit(4_200, for_s=5)
    plant.kill()

    assert event(plant.path, "event-2") is not None
    assert event(plant.path, "event-") is None
    assert event(plant.path, "nothing") is None
    shown = event(plant.path, "event-1")
    assert shown is not None
    assert shown.as_json()["ceilings"][0]["commanded_w"] == 4_200


@pytest.mark.field("F-29")
@pytest.mark.invariant("I-16")
def test_an_event_cut_by_a_kill_goes_on_and_gets_its_end(plant: Plant) -> None:
    plant.limit(4_200, for_s=100, drawn_w=4_000)
    plant.kill()
    plant.utc += timedelta(seconds=5)
    plant.start()
    plant.limit(4_200, for_s=200, drawn_w=4_100)
    plant.limit(None, for_s=2)
    plant.kill()

    (one,) = events(plant.path)

    assert one.released_at == "2026-11-21T17:05:05.000Z"
    assert [restart["gap_s"] for restart in one.restarts] == [15.0]
    assert one.result["reaction"] == "ALREADY_BELOW"
    assert one.result["max_nwlb_w"] == 4_100
    assert verify(plant.path).ok


@pytest.mark.field("F-29")
def test_an_event_killed_before_its_first_sample_keeps_its_reaction(plant: Plant) -> None:
    plant.limit(4_200, for_s=3, drawn_w=9_000)
    plant.limit(4_200, for_s=2, drawn_w=4_000)
    plant.kill()
    plant.start()
    plant.limit(4_200, for_s=2, drawn_w=4_000)
    plant.limit(None, for_s=2)
    plant.kill()

    (one,) = events(plant.path)

    assert one.result["reaction"] == "COMMANDED"
    assert one.result["reaction_s"] == 3.0


def test_no_journal_has_no_open_events(tmp_path: Path) -> None:
    assert open_events(tmp_path / "records.db") == []


def test_an_unreadable_journal_has_no_open_events_and_stops_nobody(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    path.write_bytes(b"nothing")

    assert open_events(path) == []


def test_notes_tell_what_is_no_event(plant: Plant) -> None:
    plant.note("boot", version="0.1.0")
    plant.limit(4_200, for_s=5)
    plant.note("write_refused", value_w=-1_000)
    plant.kill()

    told = notes(plant.path)

    assert [(one["kind"], one["at"]) for one in told] == [
        ("boot", "2026-11-21T17:00:00.000Z"),
        ("write_refused", "2026-11-21T17:00:05.000Z"),
    ]
    (one,) = events(plant.path)
    assert [note["kind"] for note in one.notes] == ["write_refused"]


@pytest.mark.rule("R-14A-60")
def test_csv_has_the_columns_of_the_guideline_and_a_line_per_ceiling(plant: Plant) -> None:
    plant.limit(20_000, for_s=60, drawn_w=19_000)
    plant.limit(4_200, for_s=60, drawn_w=4_000)
    plant.limit(None, for_s=1)
    plant.kill()

    text = to_csv(events(plant.path))

    lines = list(csv.DictReader(io.StringIO(text), delimiter=";"))
    assert text.split("\r\n")[0].split(";")[:16] == [
        "event_id",
        "source",
        "received_utc",
        "received_local",
        "effective_utc",
        "released_utc",
        "commanded_w",
        "owed_pmin_w",
        "max_nwlb_w",
        "mean_nwlb_w",
        "overshoot_s",
        "reaction_s",
        "compliant",
        "participants",
        "software",
        "hash",
    ]
    assert [line["commanded_w"] for line in lines] == ["20000", "4200"]
    assert lines[0]["owed_pmin_w"] == "15120"
    assert lines[0]["released_utc"] == "2026-11-21T17:02:00.000Z"
    assert lines[0]["compliant"] == "true"
    assert lines[0]["participants"] == "garage"
    assert [line["below_minimum"] for line in lines] == ["false", "true"]


def test_csv_of_nothing_is_its_header() -> None:
    assert to_csv([]) == ";".join(COLUMNS) + "\r\n"
    assert to_csv([], bom=True).startswith(BOM)


def test_a_cell_never_becomes_a_formula(tmp_path: Path) -> None:
    plant = Plant(tmp_path / "records.db")
    plant.evidence = Evidence(SiteFacts(market_location="=cmd()"), new_id=plant.new_id)
    plant.limit(4_200, for_s=1)
    plant.kill()

    assert ";'=cmd();" in to_csv(events(plant.path))


@pytest.mark.rule("R-14A-60")
def test_json_holds_the_whole_event_record(plant: Plant) -> None:
    plant.limit(4_200, for_s=61, drawn_w=4_000)
    plant.kill()

    (one,) = json.loads(to_json(events(plant.path)))

    assert one["open"] is True
    assert len(one["samples"]) == 1
    assert len(one["trace"]) == 60
    assert one["software_version"] == "0.1.0"
    assert len(one["hash"]) == 64


@pytest.mark.rule("R-14A-60")
@pytest.mark.parametrize(
    ("utc", "local"),
    [
        ("2026-03-29T00:59:59.000Z", "2026-03-29T01:59:59.000+01:00"),
        ("2026-03-29T01:00:00.000Z", "2026-03-29T03:00:00.000+02:00"),
        ("2026-10-25T00:30:00.000Z", "2026-10-25T02:30:00.000+02:00"),
        ("2026-10-25T01:30:00.000Z", "2026-10-25T02:30:00.000+01:00"),
        (None, None),
    ],
)
def test_local_time_is_unambiguous_on_the_days_the_clocks_change(
    utc: str | None, local: str | None
) -> None:
    assert local_text(utc) == local


@pytest.mark.rule("R-14A-60")
@pytest.mark.parametrize(
    ("start", "quarters"),
    [
        (datetime(2026, 3, 29, 0, 50, tzinfo=UTC), ["00:45", "01:00", "01:15"]),
        (datetime(2026, 10, 25, 0, 50, tzinfo=UTC), ["00:45", "01:00", "01:15"]),
    ],
)
def test_quarter_hours_run_on_over_the_change_of_the_clocks(
    tmp_path: Path, start: datetime, quarters: list[str]
) -> None:
    plant = Plant(tmp_path / "records.db", start)
    plant.limit(4_200, for_s=1_800, drawn_w=3_600)
    plant.limit(None, for_s=1)
    plant.kill()

    (one,) = events(plant.path)

    assert [quarter["from"][11:16] for quarter in one.quarter_hours] == quarters
    assert [quarter["covered_s"] for quarter in one.quarter_hours] == [599.0, 900.0, 301.0]
