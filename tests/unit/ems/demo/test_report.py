"""What the story tells: lines for people in two languages, one document for programs."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ems.demo.judge import judge
from ems.demo.main import run_demo
from ems.demo.options import DemoOptions
from ems.demo.report import Report, data_of
from ems.demo.runner import Played, timeline
from ems.demo.stage import Stage
from ems.demo.story import Story, parse_story
from ems.demo.trace import EmsPoint, LoadPoint, SitePoint, Trace

TABLE = """
schema = 1
name = "tiny"
title_de = "winzig"
title_en = "tiny"
[[row]]
name = "limit"
at_s = 0
text_de = "Limit"
text_en = "limit"
limit_w = 4200
source = "eebus"
[[row.check]]
kind = "comply"
[[row]]
name = "end"
at_s = 12
text_de = "Ende"
text_en = "end"
[[row.check]]
kind = "records"
"""


def story() -> Story:
    return parse_story(TABLE)


def trace() -> Trace:
    return Trace(
        site=[
            SitePoint(float(t), 4_000.0, 4_600.0, 4_000.0, {"garage": LoadPoint(4_000.0, 4_140.0)})
            for t in range(-3, 14)
        ],
        ems=[EmsPoint(t + 0.0, 1, 4_200, "eebus", 4_200, {"garage": 4_140}) for t in range(13)],
    )


def played() -> Played:
    return Played(story=story(), steps=judge(story(), trace()), trace=trace(), troubles=("late",))


def stage() -> Stage:
    facts = SimpleNamespace(
        clock=SimpleNamespace(speed=10.0),
        options=SimpleNamespace(seed=7, folder=Path("/kept")),
        programs=[("site", 11), ("ems", 12)],
    )
    return cast("Stage", facts)


def test_the_timeline_has_one_point_per_second_of_the_story() -> None:
    points = timeline(trace(), story())

    assert [point["t_s"] for point in points] == list(range(13))
    assert points[5] == {
        "t_s": 5,
        "limit_w": 4_200,
        "source": "eebus",
        "budget_w": 4_200,
        "nwlb_w": 4_000,
        "ems_running": True,
        "steuve": {"garage": {"setpoint_w": 4_140, "power_w": 4_000}},
    }


def test_points_a_few_milliseconds_off_the_second_leave_no_hole() -> None:
    jitter = [0.0, 0.998, 2.001, 2.999, 4.002, 5.0, 5.997, 7.003, 8.0, 9.0, 10.0, 11.0, 12.0]
    shaken = Trace(
        site=trace().site,
        ems=[EmsPoint(t, 1, 4_200, "eebus", 4_200, {"garage": 4_140}) for t in jitter],
    )

    points = timeline(shaken, story())

    assert [point["t_s"] for point in points if not point["ems_running"]] == []


def test_an_ems_that_went_silent_is_gone_after_two_seconds() -> None:
    killed = Trace(site=trace().site, ems=trace().ems[:5])

    points = timeline(killed, story())

    assert [point["t_s"] for point in points if point["ems_running"]] == [0, 1, 2, 3, 4, 5]


def test_a_second_without_the_ems_is_marked_and_not_called_free() -> None:
    silent = Trace(site=trace().site, ems=[])

    assert {point["ems_running"] for point in timeline(silent, story())} == {False}


def test_the_document_has_the_shape_of_the_runner() -> None:
    data = data_of(played(), stage())

    assert set(data) == {"scenario", "speed", "seed", "programs", "steps", "timeline"}
    assert data["programs"] == [{"name": "site", "pid": 11}, {"name": "ems", "pid": 12}]
    assert (data["scenario"], data["speed"], data["seed"]) == ("tiny", 10.0, 7)
    assert [step["ok"] for step in data["steps"]] == [True, False]


def test_json_is_one_document_and_carries_the_troubles(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(DemoOptions(as_json=True))

    report.row(story().row[0])
    report.played(played(), stage())

    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is False
    assert document["warnings"] == ["late"]
    assert document["data"]["logs"] == "/kept"


def test_where_the_logs_are_is_told_to_people_and_never_beside_a_document(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Report(DemoOptions(as_json=True)).logs_kept(Path("/kept"))
    assert capsys.readouterr().err == ""

    Report(DemoOptions(language="en")).logs_kept(Path("/kept"))
    assert capsys.readouterr().err == "Logs are in /kept\n"


@pytest.mark.parametrize("as_json", [True, False])
def test_a_program_that_failed_is_told_with_its_log(
    capsys: pytest.CaptureFixture[str], *, as_json: bool
) -> None:
    Report(DemoOptions(as_json=as_json, language="en")).failed("site ended with 3", Path("/kept"))

    told = capsys.readouterr()
    assert told.out == ""
    if as_json:
        assert json.loads(told.err)["error"] == {
            "code": "E-DEMO-001",
            "message": "The demo failed: site ended with 3",
            "hint": "The logs in /kept tell why.",
        }
    else:
        assert told.err.splitlines() == [
            "E-DEMO-001: The demo failed: site ended with 3",
            "  → The logs in /kept tell why.",
        ]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("de", ["4.200 W", "Limit", "Eine Zeile hat nicht gehalten", "kein Limit"]),
        ("en", ["4,200 W", "limit", "One row did not hold", "no limit"]),
    ],
)
def test_people_read_rows_and_verdicts_in_their_language(
    language: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report(DemoOptions(language=language))

    report.row(story().row[0])
    report.played(played(), stage())

    out = capsys.readouterr().out
    assert [word for word in words if word not in out] == []
    assert "✓" in out
    assert "✗" in out
    assert "the journal was not read" in out


def test_an_unknown_story_is_a_usage_error_with_the_names_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = run_demo(DemoOptions(scenario="midnight", as_json=True))

    error: Any = json.loads(capsys.readouterr().err)
    assert code == 2
    assert "midnight" in error["error"]["message"]
    assert "evening-peak" in error["error"]["hint"]


def test_a_folder_of_a_run_before_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "certs").mkdir()

    code = run_demo(DemoOptions(scenario="evening-peak", folder=tmp_path, language="en"))

    assert code == 2
    assert "is not empty" in capsys.readouterr().err
