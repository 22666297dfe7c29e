"""``ems pair``: who may control the plant."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from ems.cli import texts
from ems.cli.common import Cli, command, group
from ems.cli.errors import CliError, ExitCode
from ems.cli.screen import layer_marks
from ems.cli.units import age, duration_s, grouped_ski, ski

if TYPE_CHECKING:
    from rich.console import Console

    from ems.cli.client import Client

Json: TypeAlias = Any

SkiArgument = Annotated[
    list[str], typer.Argument(metavar="SKI", help="40 hex digits; blanks need no quotes.")
]
ROLES = ("control-box", "device")
STATES = ("found", "tls", "hello", "trusted", "spine", "lpc", "heartbeat")


def register(app: typer.Typer) -> None:
    """Add ``pair``."""
    pair = group(
        app, "pair", about="Pairing with the control box (EEBUS, SHIP).", example="ems pair list"
    )
    _register_lists(pair)
    _register_decisions(pair)
    _register_waiting(pair)


def _register_lists(pair: typer.Typer) -> None:
    @command(pair, "list", example="ems pair list")
    def list_(cli: Cli) -> None:
        """Trusted, pending and refused peers."""
        data = cli.client().call("pair.list")
        cli.say(data, lambda console: _print_peers(cli, console, data))

    @command(pair, "discover", example="ems pair discover --seconds 15")
    def discover(
        cli: Cli,
        *,
        seconds: Annotated[float, typer.Option("--seconds", min=0, max=120)] = 5.0,
    ) -> None:
        """Look for control boxes in the network (mDNS); a box need not announce itself."""
        data = cli.client(timeout_s=seconds + 30).call("pair.discover", {"seconds": seconds})
        if not data["services"]:
            raise CliError("E-PAIR-001", ExitCode.TIMEOUT, seconds=f"{seconds:g}")
        cli.say(data, lambda console: _print_services(console, data))


def _register_decisions(pair: typer.Typer) -> None:
    @command(pair, "add", example="ems pair add 1234 … CDEF --host 192.168.1.20")
    def add(
        cli: Cli,
        *,
        peer: SkiArgument,
        host: Annotated[str, typer.Option("--host", help="Where no mDNS helps.")] = "",
        port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 4712,
        role: Annotated[str, typer.Option("--role", help="control-box or device")] = "control-box",
    ) -> None:
        """Trust an SKI in advance; with --host dial it there."""
        if role not in ROLES:
            raise typer.BadParameter(", ".join(ROLES), param_hint="'--role'")
        args: dict[str, Json] = {"ski": _ski(peer), "host": host, "port": port, "role": role}
        data = cli.client().call("pair.add", args)
        cli.say(data, f"{texts.word('trusted', cli.lang)}: {grouped_ski(args['ski'])}")

    @command(pair, "accept", example="ems pair accept 1234 … CDEF")
    def accept(cli: Cli, *, peer: SkiArgument) -> None:
        """Trust a pending peer; compare the whole SKI with the label of the box first."""
        data = cli.client().call("pair.accept", {"ski": _ski(peer)})
        cli.say(data, f"{texts.word('trusted', cli.lang)}: {grouped_ski(_ski(peer))}")

    @command(pair, "reject", example="ems pair reject 1234 … CDEF")
    def reject(cli: Cli, *, peer: SkiArgument) -> None:
        """Refuse a pending peer."""
        data = cli.client().call("pair.reject", {"ski": _ski(peer)})
        cli.say(data, f"{texts.word('rejected', cli.lang)}: {grouped_ski(_ski(peer))}")

    @command(pair, "remove", example="ems pair remove 1234 … CDEF --yes")
    def remove(
        cli: Cli, *, peer: SkiArgument, yes: Annotated[bool, typer.Option("--yes")] = False
    ) -> None:
        """Trust a peer no longer; a limit in force stays until the failsafe rules end it."""
        cli.confirm(
            f"{grouped_ski(_ski(peer))}: {texts.word('remove_question', cli.lang)}", yes=yes
        )
        data = cli.client().call("pair.remove", {"ski": _ski(peer)})
        cli.say(data, f"{texts.word('removed', cli.lang)}: {grouped_ski(_ski(peer))}")

    @command(pair, "window", example="ems pair window open 15m")
    def window(
        cli: Cli,
        *,
        action: Annotated[str, typer.Argument(help="open or close")],
        duration: Annotated[str, typer.Argument(help="how long, for example 15m")] = "15m",
    ) -> None:
        """Let unknown peers ask for pairing for a while."""
        if action not in ("open", "close"):
            raise typer.BadParameter("open or close", param_hint="'ACTION'")
        args = {"open": action == "open", "seconds": duration_s(duration)}
        data = cli.client().call("pair.window", args)
        cli.say(data, _window_line(cli, data["window_s"]))


def _register_waiting(pair: typer.Typer) -> None:
    @command(pair, "wait", example="ems pair wait 1234 … CDEF --state heartbeat")
    def wait(
        cli: Cli,
        *,
        peer: SkiArgument,
        state: Annotated[str, typer.Option("--state", help=", ".join(STATES))] = "heartbeat",
        timeout: Annotated[str, typer.Option("--timeout")] = "120s",
    ) -> None:
        """Wait for a state of the connection; exit code 5: not in time, 1: it is refused."""
        if state not in STATES:
            raise typer.BadParameter(", ".join(STATES), param_hint="'--state'")
        args = {"ski": _ski(peer), "state": state}
        client = cli.client()
        ends_at = time.perf_counter() + duration_s(timeout)
        while not (data := client.call("pair.wait", args))["reached"]:
            if _is_refused(client, args["ski"]):
                raise CliError("E-PAIR-010", ExitCode.NEGATIVE)
            if time.perf_counter() > ends_at:
                raise CliError("E-PAIR-010", ExitCode.TIMEOUT)
            time.sleep(0.2)
        cli.say(data, f"{grouped_ski(_ski(peer))}: {state} ✓")

    @command(pair, "why", example="ems pair why 1234 … CDEF")
    def why(cli: Cli, *, peer: SkiArgument) -> None:
        """Tell in one line why a peer is not connected."""
        client = cli.client()
        data = client.call("pair.why", {"ski": _ski(peer)})
        if data["code"] == "E-PAIR-001":  # nobody answers where it was last seen
            told: tuple[str, ...] = (texts.LAYERS["tls"][cli.lang], f"({data['message']})")
        elif data["code"]:
            told = texts.error(
                data["code"], cli.lang, data["params"], (data["message"], data["hint"])
            )
        else:
            layers = client.call("pair.wait", {"ski": _ski(peer), "state": STATES[-1]})["layers"]
            told = (texts.missing_layer(layers, cli.lang),)
        text = " ".join(told).strip()
        cli.say({**data, "text": text}, f"{grouped_ski(_ski(peer))}: {text}")


def _ski(words: list[str]) -> str:
    """The SKI as typed from a label, in one word or in groups of digits."""
    return ski("".join(words))


def _is_refused(client: Client, wanted: str) -> bool:
    """Whether the user has refused this peer: waiting for it would be in vain."""
    peers = client.call("pair.list")["peers"]
    return any(peer["ski"] == wanted and peer["trust"] == "refused" for peer in peers)


def _window_line(cli: Cli, left_s: float) -> str:
    if not left_s:
        return cli.word("window_closed")
    return cli.word("window_open").format(left=age(left_s))


def _print_peers(cli: Cli, console: Console, data: Json) -> None:
    if data["window_s"]:
        console.print(_window_line(cli, data["window_s"]), markup=False)
    if not data["peers"]:
        console.print(texts.word("none", cli.lang), markup=False)
    for peer in data["peers"]:
        trust = peer["trust"]
        label = texts.word(trust, cli.lang) if trust in texts.WORDS else trust
        console.print(f"{grouped_ski(peer['ski'])}  {label}", markup=False)
        where = f"{peer['host']}:{peer['port']}" if peer["host"] else ""
        console.print(f"  {peer['ship_id']} {where} {layer_marks(peer)}", markup=False)


def _print_services(console: Console, data: Json) -> None:
    for service in data["services"]:
        name = f"{service['brand']} {service['model']}".strip()
        line = f"{grouped_ski(service['ski'])}  {name}  {service['host']}:{service['port']}"
        console.print(line, markup=False)
