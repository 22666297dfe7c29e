"""``ems records``: the proof for the grid operator; read from the file, needs no service."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar

import typer

from ems.cli import texts
from ems.cli.common import Cli, command, emit, group
from ems.cli.errors import CliError, ExitCode
from ems.cli.status import print_lines
from ems.cli.units import local_time, watts

if TYPE_CHECKING:
    from collections.abc import Callable

    from ems.journal.report import EventRecord
    from ems.journal.verify import Flaw, Verdict

Json: TypeAlias = Any
Answer = TypeVar("Answer")

RECORDS_FILE = "records.db"
SHOWN_ID = 8
SHOWN_FLAWS = 10

DbOption = Annotated[
    Path | None, typer.Option("--db", readable=False, help="records.db (else by --config).")
]
FromOption = Annotated[
    datetime | None, typer.Option("--from", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])
]
ToOption = Annotated[
    datetime | None, typer.Option("--to", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])
]


def register(app: typer.Typer) -> None:
    """Add ``records``."""
    records = group(
        app, "records", about="Records of limits and reactions.", example="ems records list"
    )
    _register_reading(records)
    _register_proof(records)


def _register_reading(records: typer.Typer) -> None:
    @command(records, "list", example="ems records list --from 2026-01-01")
    def list_(
        cli: Cli,
        *,
        db: DbOption = None,
        from_: FromOption = None,
        to: ToOption = None,
        notes: Annotated[bool, typer.Option("--notes", help="Also all other entries.")] = False,
    ) -> None:
        """Events with source, time, ceilings and result."""
        from ems.journal import report

        path = _database(cli, db)
        found = [one.summary() for one in _events(path, from_, to)]
        data: Json = {"events": found}
        lines = [_line(cli, one) for one in found]
        if notes:
            data["notes"] = _read(lambda: report.notes(path, since=_utc(from_), until=_utc(to)))
            lines += [_note_line(cli, one) for one in data["notes"]]
        cli.say(data, lambda console: print_lines(console, lines or [cli.word("none")]))

    @command(records, "show", example="ems records show 3f2a91c0")
    def show(
        cli: Cli, *, event: Annotated[str, typer.Argument(metavar="EVENT")], db: DbOption = None
    ) -> None:
        """One event with every ceiling, participant and sample."""
        import json

        from ems.journal import report

        path = _database(cli, db)
        found = _read(lambda: report.event(path, event))
        if found is None:
            raise CliError("E-REC-003", ExitCode.NEGATIVE, id=event)
        data = found.as_json()
        cli.say(data, json.dumps(data, indent=2, ensure_ascii=False))


def _register_proof(records: typer.Typer) -> None:
    @command(records, "export", example="ems records export --format csv --out limits.csv")
    def export(
        cli: Cli,
        *,
        db: DbOption = None,
        from_: FromOption = None,
        to: ToOption = None,
        format_: Annotated[str, typer.Option("--format", help="csv or json")] = "csv",
        out: Annotated[
            Path | None, typer.Option("--out", readable=False, help="File; left out: output.")
        ] = None,
        bom: Annotated[bool, typer.Option("--bom", help="Mark UTF-8 for spreadsheets.")] = False,
    ) -> None:
        """Write events for the grid operator, local time and UTC."""
        from ems.journal.export import to_csv, to_json

        if format_ not in ("csv", "json"):
            raise typer.BadParameter("csv or json", param_hint="'--format'")
        found = _events(_database(cli, db), from_, to)
        text = to_csv(found, bom=bom) if format_ == "csv" else to_json(found)
        if out is not None:
            out.write_text(text, encoding="utf-8", newline="")
            cli.say({"file": str(out), "events": len(found)}, f"{out}: {len(found)}")
        elif cli.as_json:
            emit({"ok": True, "data": {"format": format_, "text": text}, "warnings": []})
        else:
            print(text, end="")

    @command(records, "verify", example="ems records verify")
    def verify(
        cli: Cli,
        *,
        file: Annotated[Path | None, typer.Argument(metavar="[FILE]", readable=False)] = None,
        db: DbOption = None,
    ) -> None:
        """Walk the hash chain; exit code 1 names every record that does not fit."""
        from ems.journal.verify import verify as walk

        verdict = walk(_database(cli, file or db))
        data = _verdict_json(verdict)
        if verdict.ok:
            cli.say(data, cli.word("records_ok").format(count=verdict.checked))
            return
        if cli.as_json:
            emit({"ok": False, "data": data, "warnings": []})
        raise CliError("E-REC-002", ExitCode.NEGATIVE, why=_flaws_text(verdict, cli.lang))


def _database(cli: Cli, told: Path | None) -> Path:
    path = told
    if path is None:
        from ems.config.load import load_site
        from ems.config.paths import state_dir

        config = cli.config_path()
        path = state_dir(load_site(config).site, config) / RECORDS_FILE
    if not path.exists():
        raise CliError("E-REC-001", ExitCode.NEGATIVE, path=path)
    return path


def _events(path: Path, since: datetime | None, until: datetime | None) -> list[EventRecord]:
    from ems.journal import report

    return _read(lambda: report.events(path, since=_utc(since), until=_utc(until)))


def _read(work: Callable[[], Answer]) -> Answer:
    """``work`` on the journal; a damaged one is told with code and cure."""
    from sqlite3 import Error

    from ems.journal.errors import JournalError

    try:
        return work()
    except (JournalError, Error, ValueError) as error:
        raise CliError("E-REC-002", ExitCode.NEGATIVE, why=error) from error


def _utc(local: datetime | None) -> datetime | None:
    """People type local time; records hold UTC."""
    from zoneinfo import ZoneInfo

    return None if local is None else local.replace(tzinfo=ZoneInfo("Europe/Berlin"))


def _line(cli: Cli, one: Json) -> str:
    """When, whose limit, how much, and whether it was kept; the id is what ``show`` takes."""
    begin = local_time(one["received_at"], cli.lang)
    end = "…" if one["open"] else local_time(one["released_at"], cli.lang)[-8:]
    ceilings = ", ".join(watts(value, cli.lang) for value in one["ceilings_w"])
    named = texts.source(one["source"], cli.lang)
    return f"{one['event_id'][:SHOWN_ID]}  {begin} – {end}  {named}: {ceilings}  {_kept(cli, one)}"


def _kept(cli: Cli, one: Json) -> str:
    if one["open"]:
        return cli.word("running")
    result: Json = one["result"]
    compliant = result.get("compliant")
    if compliant is None:
        return ""
    return f"✓ {cli.word('kept')}" if compliant else f"✗ {cli.word('not_kept')}"


def _note_line(cli: Cli, one: Json) -> str:
    rest = {key: value for key, value in one.items() if key not in ("seq", "at", "kind")}
    told = ", ".join(f"{key} {value}" for key, value in rest.items())
    return f"{one['seq']:>8}  {local_time(one['at'], cli.lang)}  {one['kind']}: {told}"


def _flaws_text(verdict: Verdict, lang: int) -> str:
    """Every flaw with the number of its record; many are counted."""
    told = [_flaw_text(flaw, lang) for flaw in verdict.flaws[:SHOWN_FLAWS]]
    rest = len(verdict.flaws) - SHOWN_FLAWS
    return "; ".join(told) + (f"; +{rest}" if rest > 0 else "")


def _flaw_text(flaw: Flaw, lang: int) -> str:
    last = flaw.seq if flaw.to_seq is None else flaw.to_seq
    record = f"#{flaw.seq}" if last == flaw.seq else f"#{flaw.seq}–{last}"
    return texts.flaw(flaw.code, record, lang)


def _verdict_json(verdict: Verdict) -> Json:
    return {
        "checked": verdict.checked,
        "first_seq": verdict.first_seq,
        "last_seq": verdict.last_seq,
        "last_hash": verdict.last_hash,
        "flaws": [
            {"seq": flaw.seq, "to_seq": flaw.to_seq, "code": flaw.code, "why": flaw.why}
            for flaw in verdict.flaws
        ],
    }
