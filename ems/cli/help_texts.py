"""German help: what the commands say of themselves in English, and its German twin.

Commands are declared in English; in German the finished tree is gone through once. A test misses
a sentence without a twin.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

Command: TypeAlias = Any  # Typer's own classes moved between versions
Context: TypeAlias = Any

# English -> German; blanks and line breaks count as one blank
GERMAN: Final[dict[str, str]] = {
    "Energy management for §14a EnWG: obeys the control box, distributes what is left, keeps the "
    "proof.": "Energiemanagement für §14a EnWG: befolgt die Steuerbox, verteilt, was bleibt, führt "
    "den Nachweis.",
    "Install completion for the current shell.": "Ergänzung für die jetzige Shell einrichten.",
    "Show completion for the current shell, to copy it or customize the installation.": (
        "Ergänzung für die jetzige Shell zeigen, zum Kopieren."
    ),
    "Show this message and exit.": "Diese Hilfe zeigen.",
    # common
    "One JSON document on standard output.": "Ein JSON-Dokument auf der Standardausgabe.",
    "Only errors.": "Nur Fehler.",
    "de or en; else $EMS_LANG or the locale.": "de oder en; sonst $EMS_LANG oder das System.",
    "Socket of the running service.": "Socket des laufenden Dienstes.",
    "ems.toml of the plant.": "ems.toml der Anlage.",
    # run, demo, sim
    "Run the service: obey contact and control box, distribute, keep the proof.": (
        "Der Dienst: Kontakt und Steuerbox befolgen, verteilen, Nachweis führen."
    ),
    "Only check the configuration, then end.": "Nur die Konfiguration prüfen, dann enden.",
    "Protocol clock factor (demo only).": "Zeitraffer der Protokolluhr (nur Demo).",
    "CLOCK_MONOTONIC second at which the clock is 0.": (
        "Sekunde von CLOCK_MONOTONIC, bei der die Uhr 0 zeigt."
    ),
    "Start control box, site and EMS; watch a limit become watts.": (
        "Steuerbox, Anlage und EMS starten; zusehen, wie aus einem Limit Watt werden."
    ),
    "Story to run and judge.": "Geschichte, die gespielt und beurteilt wird.",
    "Protocol clock factor; left out: 10 for a story, 4 live.": (
        "Zeitraffer; sonst: 10 für eine Geschichte, 4 live."
    ),
    "Of noise, ramps and phases.": "Für Rauschen, Rampen und Phasen.",
    "Of a device, as in ems sim site.": "Eines Geräts, wie bei ems sim site.",
    "Cut others for who disobeys.": "Andere kürzen für den, der nicht folgt.",
    "Keep configuration, state and logs in this folder.": (
        "Konfiguration, Zustand und Protokolle in diesem Ordner behalten."
    ),
    "Simulators: control box and site.": "Simulatoren: Steuerbox und Anlage.",
    "Play an EEBUS control box (energy guard) against this or any other EMS.": (
        "Eine EEBUS-Steuerbox (Energy Guard) spielen, gegen dieses oder ein anderes EMS."
    ),
    "Folder of this box's key and trust.": "Ordner für Schlüssel und Partner dieser Box.",
    "The EMS to control.": "Das EMS, das gesteuert wird.",
    "Where the EMS listens.": "Wo das EMS lauscht.",
    "Port to be dialled on.": "Port, auf dem man uns anwählt.",
    "Commands; left out: standard input.": "Befehle; sonst: Standardeingabe.",
    "Listen and announce here only.": "Nur hier lauschen und sich melden.",
    "Announce this box and look for the EMS.": "Diese Box melden und das EMS suchen.",
    "Play every meter and SteuVE of a configuration as Modbus TCP devices.": (
        "Alle Zähler und SteuVE einer Konfiguration als Modbus-TCP-Geräte spielen."
    ),
    "Listen on free ports and write them here.": "Auf freien Ports lauschen, sie hier notieren.",
    "From the start on.": "Von Anfang an.",
    "Seconds between two lines of truth.": "Sekunden zwischen zwei Zeilen Wahrheit.",
    # status
    "One screen: signal, limit, budget, loads, peers, alarms.": (
        "Ein Bildschirm: Signal, Limit, Budget, SteuVE, Partner, Alarme."
    ),
    "Follow until Ctrl-C.": "Weiter zeigen bis Strg-C.",
    "Stream one JSON line per protocol second: limit, source, budget, SteuVE.": (
        "Eine JSON-Zeile je Protokollsekunde: Limit, Quelle, Budget, SteuVE."
    ),
    "Print P_min,14a with formula and terms, for devices given or for the configuration.": (
        "P_min,14a mit Formel und Gliedern, für genannte Geräte oder die Konfiguration."
    ),
    "Each SteuVE controlled on its own.": "Jede SteuVE einzeln gesteuert.",
    "Version of the program and of what it stands on.": (
        "Version des Programms und dessen, worauf es steht."
    ),
    # identity
    "Our key, certificate and SKI.": "Unser Schlüssel, Zertifikat und unsere SKI.",
    "Make key and certificate; an existing identity is never overwritten.": (
        "Schlüssel und Zertifikat anlegen; Vorhandenes wird nie überschrieben."
    ),
    "Folder of key and certificate (else by --config).": (
        "Ordner für Schlüssel und Zertifikat (sonst nach --config)."
    ),
    "SKI, SHIP ID and fingerprint: what the metering point operator needs.": (
        "SKI, SHIP-ID und Fingerabdruck: was der Messstellenbetreiber braucht."
    ),
    "Add the SHIP QR text.": "Dazu der Text des SHIP-QR-Codes.",
    "Write an encrypted backup of the key; keep it away from the plant.": (
        "Eine verschlüsselte Sicherung des Schlüssels schreiben; nicht bei der Anlage lagern."
    ),
    "Put a backup in place; the registered SKI comes back with it.": (
        "Eine Sicherung einspielen; die gemeldete SKI kommt damit zurück."
    ),
    "Last 4 digits of the SKI that is replaced.": "Letzte 4 Stellen der SKI, die ersetzt wird.",
    # pair
    "Pairing with the control box (EEBUS, SHIP).": "Kopplung mit der Steuerbox (EEBUS, SHIP).",
    "Trusted, pending and refused peers.": "Gekoppelte, wartende und abgelehnte Partner.",
    "Look for control boxes in the network (mDNS); a box need not announce itself.": (
        "Steuerboxen im Netz suchen (mDNS); eine Box muss sich nicht melden."
    ),
    "Trust an SKI in advance; with --host dial it there.": (
        "Einer SKI im Voraus vertrauen; mit --host dort anwählen."
    ),
    "40 hex digits; blanks need no quotes.": (
        "40 Hexadezimalziffern; Leerzeichen gehen ohne Anführungszeichen."
    ),
    "Where no mDNS helps.": "Wo mDNS nicht hilft.",
    "control-box or device": "control-box oder device",
    "Trust a pending peer; compare the whole SKI with the label of the box first.": (
        "Einem wartenden Partner vertrauen; vorher die ganze SKI mit dem Aufkleber vergleichen."
    ),
    "Refuse a pending peer.": "Einen wartenden Partner ablehnen.",
    "Trust a peer no longer; a limit in force stays until the failsafe rules end it.": (
        "Einem Partner nicht mehr vertrauen; sein Limit gilt nach den Ausfallregeln weiter."
    ),
    "Let unknown peers ask for pairing for a while.": (
        "Unbekannte eine Weile um Kopplung bitten lassen."
    ),
    "open or close": "open oder close",
    "how long, for example 15m": "wie lange, zum Beispiel 15m",
    "Wait for a state of the connection; exit code 5: not in time, 1: it is refused.": (
        "Auf einen Zustand der Verbindung warten; Ende mit 5: zu spät, 1: abgelehnt."
    ),
    "found, tls, hello, trusted, spine, lpc, heartbeat": (
        "found, tls, hello, trusted, spine, lpc oder heartbeat"
    ),
    "Tell in one line why a peer is not connected.": (
        "In einer Zeile sagen, warum ein Partner nicht verbunden ist."
    ),
    # limit, steuve, contact
    "The limit in force; test limits.": "Das geltende Limit; Testlimits.",
    "The effective limit and every source of limits.": (
        "Das wirksame Limit und jede Quelle von Limits."
    ),
    "Set an internal test limit; always recorded; the stricter of all limits rules.": (
        "Ein internes Testlimit setzen; wird immer aufgezeichnet; das strengste Limit gilt."
    ),
    "for example 4200 or 4.2kW": "zum Beispiel 4200 oder 4.2kW",
    "how long": "wie lange",
    "End the internal test limit; a limit of the control box stays.": (
        "Das interne Testlimit beenden; ein Limit der Steuerbox bleibt."
    ),
    "The controllable loads (SteuVE).": "Die steuerbaren Verbrauchseinrichtungen (SteuVE).",
    "All SteuVE with set-point, measured power and reason.": (
        "Alle SteuVE mit Sollwert, gemessener Leistung und Grund."
    ),
    "Tell in one line why a SteuVE may draw what it may.": (
        "In einer Zeile sagen, warum eine SteuVE beziehen darf, was sie darf."
    ),
    "The contact of the coupling relay.": "Der Kontakt des Koppelrelais.",
    "Level, polarity and whether it limits now.": "Pegel, Polarität und ob er jetzt begrenzt.",
    "Follow the contact until Ctrl-C.": "Dem Kontakt folgen bis Strg-C.",
    "Learn and confirm the polarity by a live operation of the control device.": (
        "Die Polarität an einer echten Schaltung des Steuergeräts lernen und bestätigen."
    ),
    "how long to watch": "wie lange beobachtet wird",
    "level while the signal is on: open or closed": (
        "Pegel, während das Signal an ist: open oder closed"
    ),
    # records
    "Records of limits and reactions.": "Nachweise über Limits und Reaktionen.",
    "Events with source, time, ceilings and result.": (
        "Ereignisse mit Quelle, Zeit, Limits und Ergebnis."
    ),
    "records.db (else by --config).": "records.db (sonst nach --config).",
    "Also all other entries.": "Auch alle anderen Einträge.",
    "One event with every ceiling, participant and sample.": (
        "Ein Ereignis mit allen Limits, Teilnehmern und Messwerten."
    ),
    "Write events for the grid operator, local time and UTC.": (
        "Ereignisse für den Netzbetreiber, in Ortszeit und UTC."
    ),
    "csv or json": "csv oder json",
    "File; left out: output.": "Datei; sonst: Ausgabe.",
    "Mark UTF-8 for spreadsheets.": "UTF-8 für Tabellenprogramme kennzeichnen.",
    "Walk the hash chain; exit code 1 names every record that does not fit.": (
        "Die Hash-Kette prüfen; Ende mit 1 nennt jeden Eintrag, der nicht passt."
    ),
    # config, doctor
    "The configuration ems.toml.": "Die Konfiguration ems.toml.",
    "Check the configuration; exit code 3 names line, cause and cure.": (
        "Die Konfiguration prüfen; Ende mit 3 nennt Zeile, Ursache und Abhilfe."
    ),
    "The JSON schema of ems.toml.": "Das JSON-Schema von ems.toml.",
    "Every key of ems.toml and every known device, as Markdown.": (
        "Jeder Schlüssel von ems.toml und jedes bekannte Gerät, als Markdown."
    ),
    "Have the service read the file again; a faulty one changes nothing.": (
        "Den Dienst die Datei neu lesen lassen; eine fehlerhafte ändert nichts."
    ),
    "Check network and GPIO of this machine.": "Netz und GPIO dieser Maschine prüfen.",
    "Addresses, SHIP port, mDNS, every configured device, disk.": (
        "Adressen, SHIP-Port, mDNS, alle eingetragenen Geräte, Speicher."
    ),
    "Chips, rights and libraries for contact and relays.": (
        "Bausteine, Rechte und Bibliotheken für Kontakt und Relais."
    ),
}

HEADINGS: Final = (
    (re.compile(r"^Usage:", re.MULTILINE), "Aufruf:"),
    (re.compile(r"^Arguments:$", re.MULTILINE), "Argumente:"),
    (re.compile(r"^Options:$", re.MULTILINE), "Optionen:"),
    (re.compile(r"^Common:$", re.MULTILINE), "Immer:"),
    (re.compile(r"^Commands:$", re.MULTILINE), "Befehle:"),
    (re.compile(r"^( *)Example:", re.MULTILINE), r"\1Beispiel:"),
    (re.compile(r"\[required\]"), "[nötig]"),
    (re.compile(r"\[default: "), "[sonst: "),
    (re.compile(r"\[env var: "), "[Variable: "),
)


def speak_german(command: Command) -> None:
    """Give ``command`` and all below it German help; what has no twin stays English."""
    command.help = _twin(command.help)
    for parameter in command.params:
        if getattr(parameter, "help", None):
            parameter.help = _twin(parameter.help)
    command.get_help = _in_german(command.get_help)
    for inner in getattr(command, "commands", {}).values():
        speak_german(inner)


def _in_german(english: Callable[[Context], str]) -> Callable[[Context], str]:
    def get_help(context: Context) -> str:
        return _headings(english(context))

    return get_help


def _twin(text: str | None) -> str | None:
    return None if text is None else GERMAN.get(" ".join(text.split()), text)


def _headings(text: str) -> str:
    for pattern, german in HEADINGS:
        text = pattern.sub(german, text)
    return text.replace("Show this message and exit.", GERMAN["Show this message and exit."])
