"""State survives kill and power cut; a damaged file is set aside and said so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ems.control.saved import SavedLimit, SavedState
from ems.runtime import state_file
from ems.runtime.state_file import Marks, StateFile

START = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
OLD = SavedState(
    limits=(SavedLimit(power_w=20_000, source="eebus", remaining_s=1_800.0),),
    lpc_state="limited",
    failsafe_w=15_120,
    failsafe_duration_s=7_200.0,
    failsafe_remaining_s=7_200.0,
    contact_level="closed",
    peer="a" * 40,
)
NEW = SavedState(
    limits=(SavedLimit(power_w=0, source="eebus"), SavedLimit(power_w=15_120, source="contact")),
    lpc_state="limited",
    failsafe_w=4_200,
    failsafe_duration_s=7_200.0,
    failsafe_from_box=True,
    failsafe_remaining_s=7_100.0,
    contact_level="open",
    peer="a" * 40,
)


class Wall:
    """A wall clock that moves when told."""

    def __init__(self) -> None:
        self.utc = START
        self.synchronised = True

    def open(self, folder: Path) -> StateFile:
        return StateFile(folder, utcnow=lambda: self.utc, synchronised=lambda: self.synchronised)


def test_an_empty_folder_gives_no_state_and_no_damage(tmp_path: Path) -> None:
    assert StateFile(tmp_path).load() == (None, False)


def test_what_was_saved_is_loaded_by_the_next_process(tmp_path: Path) -> None:
    StateFile(tmp_path).save(NEW)

    assert StateFile(tmp_path).load() == (NEW, False)


def test_marks_of_the_journal_are_kept_beside_the_state(tmp_path: Path) -> None:
    first = StateFile(tmp_path)
    first.marks = Marks(open_events=("e-1",), journal_seq=7, journal_hash="ab")
    first.save(NEW)

    second = StateFile(tmp_path)
    second.load()

    assert second.marks == Marks(open_events=("e-1",), journal_seq=7, journal_hash="ab")


def test_a_file_is_private_and_at_most_four_kib(tmp_path: Path) -> None:
    StateFile(tmp_path).save(NEW)

    stat = (tmp_path / "state.json").stat()
    assert stat.st_size <= 4_096
    assert stat.st_mode & 0o007 == 0


def test_a_state_too_large_is_refused_and_the_old_one_stays(tmp_path: Path) -> None:
    file = StateFile(tmp_path)
    file.save(OLD)

    with pytest.raises(ValueError, match="4096"):
        file.save(SavedState(peer="x" * 5_000))

    assert StateFile(tmp_path).load() == (OLD, False)


def test_a_process_that_saves_without_loading_still_counts_as_newer(tmp_path: Path) -> None:
    earlier = StateFile(tmp_path)
    for _ in range(5):
        earlier.save(OLD)

    StateFile(tmp_path).save(NEW)

    assert StateFile(tmp_path).load() == (NEW, False)


@pytest.mark.invariant("I-05")
def test_a_power_cut_between_any_two_steps_leaves_a_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = ["write_synced", "replace-1", "replace-2", "sync_folder"]
    real_replace = os.replace
    for stop_at in calls:
        folder = tmp_path / stop_at
        folder.mkdir()
        file = StateFile(folder)
        file.save(OLD)
        done = iter(range(1, 9))

        def fails(*_args: object, **_kw: object) -> None:
            raise OSError("power cut")

        def replace(source: Path, target: Path, at: str = stop_at, n: object = done) -> None:
            if at == f"replace-{next(n)}":  # type: ignore[call-overload]
                raise OSError("power cut")
            real_replace(source, target)

        with monkeypatch.context() as patch:
            if stop_at.startswith("replace"):
                patch.setattr(state_file.os, "replace", replace)
            else:
                patch.setattr(state_file, stop_at, fails)
            with pytest.raises(OSError, match="power cut"):
                file.save(NEW)

        saved, damaged = StateFile(folder).load()
        assert not damaged
        assert saved == (NEW if stop_at == "sync_folder" else OLD)


@pytest.mark.invariant("I-05")
def test_a_file_torn_at_any_byte_falls_back_to_the_generation_before(tmp_path: Path) -> None:
    file = StateFile(tmp_path)
    file.save(OLD)
    file.save(NEW)
    current, previous = tmp_path / "state.json", tmp_path / "state.1.json"
    whole, before = current.read_bytes(), previous.read_bytes()

    for length in range(len(whole) - 1):  # without its last line break it is still whole
        current.write_bytes(whole[:length])
        previous.write_bytes(before)
        loaded = StateFile(tmp_path)
        assert loaded.load() == (OLD, True), length
        assert loaded.set_aside[0].read_bytes() == whole[:length]


def test_both_generations_damaged_means_lost_not_free(tmp_path: Path) -> None:
    file = StateFile(tmp_path)
    file.save(OLD)
    file.save(NEW)
    (tmp_path / "state.json").write_bytes(b"\0" * 100)
    (tmp_path / "state.1.json").write_bytes(b"")

    loaded = StateFile(tmp_path)

    assert loaded.load() == (None, True)
    assert sorted(path.name for path in loaded.set_aside) == [
        "state.1.json.damaged-2",
        "state.json.damaged-1",
    ]
    assert StateFile(tmp_path).load() == (None, False)


def test_one_flipped_bit_is_noticed(tmp_path: Path) -> None:
    StateFile(tmp_path).save(NEW)
    path = tmp_path / "state.json"
    raw = path.read_bytes()

    for index in range(0, len(raw) - 1, 7):
        flipped = bytearray(raw)
        flipped[index] ^= 0x01
        path.write_bytes(bytes(flipped))
        assert StateFile(tmp_path).load() == (None, True), index


@pytest.mark.parametrize(
    "state",
    [
        {"limits": [{"power_w": -1, "source": "eebus"}]},
        {"limits": [{"power_w": True, "source": "eebus"}]},
        {"limits": [{"power_w": 1, "source": "eebus", "remaining_s": -1}]},
        {"failsafe_remaining_s": 1e99},
        {"failsafe_w": "4200"},
        {"limits": 3},
        [],
    ],
)
def test_nonsense_with_a_right_checksum_is_set_aside(tmp_path: Path, state: object) -> None:
    StateFile(tmp_path).save(NEW)
    path = tmp_path / "state.json"
    content = json.loads(path.read_bytes())
    del content["sha256"]
    content["state"] = state
    content["sha256"] = state_file._checksum(content)
    path.write_bytes(state_file._line(content))

    assert StateFile(tmp_path).load() == (None, True)


def test_at_most_eight_damaged_files_are_kept(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / "state.json").write_bytes(b"broken %d" % number)
        StateFile(tmp_path).load()

    kept = sorted(path.read_bytes() for path in tmp_path.glob("*.damaged-*"))
    assert len(kept) == 8
    assert b"broken 11" in kept


@pytest.mark.field("F-22")
def test_time_between_the_processes_counts_when_both_clocks_were_right(tmp_path: Path) -> None:
    wall = Wall()
    wall.open(tmp_path).save(OLD)
    wall.utc += timedelta(seconds=300)

    saved, _ = wall.open(tmp_path).load()

    assert saved is not None
    assert saved.limits[0].remaining_s == 1_500.0
    assert saved.failsafe_remaining_s == 6_900.0


def test_a_limit_that_ended_meanwhile_has_nothing_left_but_is_still_told(tmp_path: Path) -> None:
    wall = Wall()
    wall.open(tmp_path).save(OLD)
    wall.utc += timedelta(days=3)

    saved, _ = wall.open(tmp_path).load()

    assert saved is not None
    assert saved.limits[0].remaining_s == 0.0


@pytest.mark.invariant("I-05")
@pytest.mark.parametrize("seconds", [359_996_400.0, 1e300, float("inf")])
def test_an_absurdly_long_limit_is_still_a_limit_after_a_restart(
    tmp_path: Path, seconds: float
) -> None:
    limit = SavedLimit(power_w=4_200, source="eebus", remaining_s=seconds)
    StateFile(tmp_path).save(SavedState(limits=(limit,), failsafe_remaining_s=-0.5))

    saved, damaged = StateFile(tmp_path).load()

    assert damaged is False
    assert saved is not None
    assert saved.limits == (
        SavedLimit(power_w=4_200, source="eebus", remaining_s=state_file.MAX_SECONDS),
    )
    assert saved.failsafe_remaining_s == 0.0


def test_a_limit_without_duration_never_runs_out(tmp_path: Path) -> None:
    wall = Wall()
    wall.open(tmp_path).save(NEW)
    wall.utc += timedelta(days=3)

    saved, _ = wall.open(tmp_path).load()

    assert saved is not None
    assert saved.limits[0].remaining_s is None


@pytest.mark.field("F-22")
@pytest.mark.invariant("I-07")
@pytest.mark.parametrize(("then", "now"), [(True, False), (False, True), (False, False)])
def test_a_clock_that_is_not_synchronised_frees_nobody(
    tmp_path: Path, *, then: bool, now: bool
) -> None:
    wall = Wall()
    wall.synchronised = then
    wall.open(tmp_path).save(OLD)
    wall.utc += timedelta(days=1)
    wall.synchronised = now

    assert wall.open(tmp_path).load() == (OLD, False)


def test_a_clock_set_back_does_not_lengthen_a_limit(tmp_path: Path) -> None:
    wall = Wall()
    wall.open(tmp_path).save(OLD)
    wall.utc -= timedelta(days=1)

    assert wall.open(tmp_path).load() == (OLD, False)


@pytest.mark.invariant("I-05")
def test_kill_in_the_middle_of_writing_never_loses_what_was_acknowledged(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from ems.control.saved import SavedLimit, SavedState
        from ems.runtime.state_file import StateFile
        file = StateFile(Path(sys.argv[1]))
        for power_w in range(1_000_000):
            file.save(SavedState(limits=(SavedLimit(power_w=power_w, source="eebus"),)))
            sys.stdout.write(f"{power_w}\\n")
            sys.stdout.flush()
        """
    )
    for _ in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        for _line in range(40):
            writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        acknowledged = 39 + sum(1 for _line in writer.stdout)
        writer.wait()
        writer.stdout.close()

        saved, damaged = StateFile(tmp_path).load()

        assert not damaged
        assert saved is not None
        assert saved.limits[0].power_w in {acknowledged, acknowledged + 1}


def test_a_file_that_cannot_be_read_counts_as_damaged(tmp_path: Path) -> None:
    (tmp_path / "state.json").mkdir()

    loaded = StateFile(tmp_path)

    assert loaded.load() == (None, True)
    assert loaded.set_aside[0].name == "state.json.damaged-1"


def test_a_damaged_file_in_a_folder_that_cannot_be_written_is_still_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "state.json").write_bytes(b"broken")

    def fails(*_args: object) -> None:
        raise OSError("read-only file system")

    monkeypatch.setattr(state_file.os, "replace", fails)
    loaded = StateFile(tmp_path)

    assert loaded.load() == (None, True)
    assert loaded.set_aside == (tmp_path / "state.json",)


def test_a_last_writer_waits_for_the_one_whose_disk_is_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states, slow, go_on = StateFile(tmp_path), threading.Event(), threading.Event()
    real = state_file.write_synced

    def write_slowly(path: Path, content: bytes, *, mode: int) -> None:
        real(path, content, mode=mode)
        if not slow.is_set():
            slow.set()
            go_on.wait(5)

    monkeypatch.setattr(state_file, "write_synced", write_slowly)
    first = threading.Thread(target=states.save, args=(OLD,))
    first.start()
    slow.wait(5)
    last = threading.Thread(target=states.save, args=(NEW,))
    last.start()
    last.join(0.05)
    go_on.set()
    first.join(5)
    last.join(5)

    assert StateFile(tmp_path).load() == (NEW, False)
    (tmp_path / state_file.NAME).unlink()
    assert StateFile(tmp_path).load() == (OLD, False)  # both generations are whole
