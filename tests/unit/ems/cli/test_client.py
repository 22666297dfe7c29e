"""Whatever is at the other end of the socket, the command line says so and ends."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ems.cli.client import Client, candidates
from ems.cli.errors import CliError, ExitCode

pytestmark = pytest.mark.loopback

Behaviour = Callable[[socket.socket], None]


@contextmanager
def peer(path: Path, behaviour: Behaviour) -> Iterator[Path]:
    """A socket that accepts one client and behaves; it is closed after the test."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            client, _ = listener.accept()
            with client:
                client.recv(4096)
                behaviour(client)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield path
        finally:
            thread.join(5)


def failure_of(path: Path, *, stream: bool = False) -> CliError:
    client = Client([path], timeout_s=0.2)
    ask = (lambda: list(client.watch("timeline"))) if stream else (lambda: client.call("status"))
    with pytest.raises(CliError) as raised:
        ask()
    return raised.value


@pytest.mark.parametrize("stream", [False, True])
def test_a_service_that_hangs_is_a_time_out(tmp_path: Path, *, stream: bool) -> None:
    with peer(tmp_path / "s", _until_gone) as path:
        error = failure_of(path, stream=stream)

    assert (error.code, error.exit_code) == ("E-SRV-005", ExitCode.TIMEOUT)


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH\n", b"[1]\n", b"\xff\xfe\n", b"null\n"])
def test_what_is_not_our_service_is_named(tmp_path: Path, answer: bytes) -> None:
    with peer(tmp_path / "s", lambda client: client.sendall(answer)) as path:
        error = failure_of(path)

    assert (error.code, error.exit_code) == ("E-SRV-008", ExitCode.UNREACHABLE)


@pytest.mark.parametrize("stream", [False, True])
def test_a_service_that_hangs_up_is_not_taken_for_an_end(tmp_path: Path, *, stream: bool) -> None:
    with peer(tmp_path / "s", lambda client: None) as path:
        error = failure_of(path, stream=stream)

    assert (error.code, error.exit_code) == ("E-SRV-007", ExitCode.UNREACHABLE)


def test_a_socket_without_the_right_to_it_tells_about_the_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: socket.socket, address: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    error = failure_of(tmp_path / "s")

    assert (error.code, error.exit_code) == ("E-SRV-006", ExitCode.FORBIDDEN)


def test_nobody_there_names_every_place_that_was_tried(tmp_path: Path) -> None:
    with pytest.raises(CliError) as raised:
        Client([tmp_path / "a", tmp_path / "b"]).call("status")

    assert raised.value.exit_code == ExitCode.UNREACHABLE
    assert str(raised.value.params["path"]) == f"{tmp_path / 'a'}, {tmp_path / 'b'}"


def test_the_socket_is_sought_where_a_service_may_have_put_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EMS_SOCKET", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")

    assert candidates(None, [tmp_path]) == [
        tmp_path / "api.sock",
        Path("/run/ems/api.sock"),
        Path("/run/user/1000/ems/api.sock"),
    ]
    assert candidates(Path("/told"), [tmp_path]) == [Path("/told")]


def _until_gone(client: socket.socket) -> None:
    client.settimeout(5)
    while client.recv(4096):
        pass
