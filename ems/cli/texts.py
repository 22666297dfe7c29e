"""Every sentence the command line says, in German and English; legal terms stay German."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ems.cli.alarm_texts import ALARMS
from ems.cli.error_texts import ERRORS
from ems.config.catalogue import SYSTEM_DE

if TYPE_CHECKING:
    from collections.abc import Mapping

DE: Final = 0
EN: Final = 1
LANGUAGES: Final = {"de": DE, "en": EN}

RELEASING: Final = "releasing"

# reason code of a grant -> (de, en)
REASONS: Final[dict[str, tuple[str, str]]] = {
    "unlimited": ("frei, kein Limit", "free, no limit"),
    "ok_max": ("bekommt sein Maximum", "gets its maximum"),
    "ok_fair": ("gerechter Anteil am Limit", "fair share of the limit"),
    "ok_demand": ("so viel, wie es braucht", "as much as it needs"),
    "no_steuve": ("Limit lässt das Minimum nicht zu", "limit leaves less than the minimum"),
    "no_phase": ("Phase ausgelastet", "phase is full"),
    "no_power": ("Stromkreis ausgelastet", "circuit is full"),
    "wait_rank": ("andere haben Vorrang", "others come first"),
    "hold_exposure": ("wartet, bis andere nachgeben", "waits until others have given way"),
    "hold_credit": ("wartet auf beständige Erzeugung", "waits for steady generation"),
    RELEASING: ("wird gleich frei (gestaffelt)", "about to be freed (staggered)"),
    "hold_start": ("wartet auf die erste Auskunft", "waits for the first word"),
    "hold_spacing": ("nächster Schritt folgt", "next step follows"),
    "hold_minoff": ("Mindestpause des Geräts", "minimum pause of the device"),
    "offline": ("nicht erreichbar, Anteil reserviert", "unreachable, share reserved"),
    "fault_no_reaction": ("folgt dem Sollwert nicht", "does not follow its set-point"),
    "escalation": ("abgeschaltet, weil es nicht folgt", "switched off, does not follow"),
    "fallback": ("Rechenfehler: Limit gilt, nichts steigt", "internal error: limit kept, no rise"),
}

# word of the service -> (de, en); the standard's own word stays behind (ux.md 2)
SOURCES: Final[dict[str, tuple[str, str]]] = {
    "eebus": ("Steuerbox", "control box"),
    "contact": ("Kontakt", "contact"),
    "failsafe": ("Ausfallwert", "failsafe value"),
    "fault": ("Störung", "fault"),
    "test": ("Test", "test"),
    "start": ("Neustart", "start"),
}
STATES: Final[dict[str, tuple[str, str]]] = {
    "init": ("Start (init)", "start (init)"),
    "unlimited_controlled": (
        "unbegrenzt, gesteuert (unlimited/controlled)",
        "unlimited/controlled",
    ),
    "limited": ("begrenzt (limited)", "limited"),
    "failsafe": ("Ausfallbetrieb (failsafe)", "failsafe"),
    "unlimited_autonomous": (
        "unbegrenzt, selbstständig (unlimited/autonomous)",
        "unlimited/autonomous",
    ),
    "released": ("beendet", "released"),
    "restored": ("wiederhergestellt", "restored"),
    "damaged": ("Datei beschädigt", "file damaged"),
    "open": ("offen", "open"),
    "closed": ("geschlossen", "closed"),
    "unknown": ("unbekannt", "unknown"),
}

# what is wrong with a source -> (de, en)
FAULTS: Final[dict[str, tuple[str, str]]] = {
    "flapping": ("flattert", "flaps"),
    "unreadable": ("nicht lesbar", "unreadable"),
    "state": ("Zustandsdatei", "state file"),
    "journal": ("Nachweis", "journal"),
    "state, journal": ("Zustandsdatei und Nachweis", "state file and journal"),
}

# what does not fit in the journal -> (de, en); {record}: its number, or from … to
FLAWS: Final[dict[str, tuple[str, str]]] = {
    "missing": ("Eintrag {record} fehlt", "record {record} is missing"),
    "changed": ("Eintrag {record} wurde verändert", "record {record} was changed"),
    "moved": ("Eintrag {record} steht am falschen Platz", "record {record} is in the wrong place"),
    "chain": ("Eintrag {record} passt nicht in die Kette", "record {record} breaks the chain"),
    "tail_lost": (
        "ab Eintrag {record} fehlte bei einem Start etwas",
        "from record {record} on something was gone at a start",
    ),
    "unreadable": ("die Datei ist beschädigt", "the file is damaged"),
}

# layer of a connection that is not reached -> what is missing and who can do something
LAYERS: Final[dict[str, tuple[str, str]]] = {
    "found": (
        "noch nicht gesehen; meldet sie sich nicht: `ems pair add SKI --host IP`.",
        "not seen yet; if it does not announce itself: `ems pair add SKI --host IP`.",
    ),
    "tls": (
        "gesehen, aber noch keine Verbindung; Netzwerk und Port 4712 prüfen.",
        "seen, but no connection yet; check network and port 4712.",
    ),
    "hello": (
        "verbunden; die Gegenstelle hat uns noch nicht zugestimmt – der "
        "Messstellenbetreiber muss unsere SKI eintragen.",
        "connected; the peer has not agreed to us yet – the metering point operator "
        "must enter our SKI.",
    ),
    "trusted": (
        "wartet auf Ihre Zustimmung: ganze SKI vergleichen, dann `ems pair accept SKI`.",
        "waits for your decision: compare the whole SKI, then `ems pair accept SKI`.",
    ),
    "spine": (
        "gekoppelt, der Datenaustausch beginnt gerade.",
        "trusted, the exchange of data is about to begin.",
    ),
    "lpc": (
        "Daten laufen, aber sie hat LPC nicht übernommen; ist sie eine Steuerbox?",
        "data flow, but it has not taken up LPC; is it a control box?",
    ),
    "heartbeat": (
        "steuert, aber ihr Herzschlag fehlt; es gilt der Ausfallwert.",
        "controls, but its heartbeat is missing; the failsafe value rules.",
    ),
    "": ("verbunden, es fehlt nichts.", "connected, nothing is missing."),
}

WORDS: Final[dict[str, tuple[str, str]]] = {
    "wallbox": ("Wallbox", "wallbox"),
    "heatpump": ("Wärmepumpe", "heat pump"),
    "cooling": ("Klimaanlage", "cooling"),
    "battery": ("Speicher", "battery"),
    "box_failsafe": ("Ausfallwert der Steuerbox", "failsafe value of the control box"),
    "addresses": ("Adressen", "addresses"),
    "cure_addresses": ("Netzwerkkabel oder WLAN prüfen.", "Check network cable or Wi-Fi."),
    "ship_port": ("SHIP-Port", "SHIP port"),
    "cure_ship_port": (
        "Das andere Programm beenden oder [eebus] port ändern.",
        "End the other program or change [eebus] port.",
    ),
    "our_service": ("unser Dienst", "our service"),
    "port_free": ("frei", "free"),
    "mdns_port": ("mDNS-Port 5353", "mDNS port 5353"),
    "cure_mdns_port": (
        "Ein anderes Programm gibt den Port nicht her; ohne mDNS: ems pair add SKI --host IP.",
        "Another program keeps the port; without mDNS: ems pair add SKI --host IP.",
    ),
    "shareable": ("teilbar", "can be shared"),
    "device": ("Gerät", "device"),
    "cure_device": (
        "Strom, Netzwerk, host und port prüfen; ist Modbus TCP am Gerät eingeschaltet?",
        "Check power, network, host and port; is Modbus TCP switched on at the device?",
    ),
    "answers": ("antwortet", "answers"),
    "disk": ("freier Speicher", "free disk"),
    "cure_disk": ("Platz schaffen; der Nachweis braucht ihn.", "Make room; the records need it."),
    "gpio_chips": ("GPIO-Bausteine", "GPIO chips"),
    "cure_gpio_chips": (
        'Diese Maschine hat keine GPIO; Kontakt nur über backend = "file".',
        'This machine has no GPIO; a contact only by backend = "file".',
    ),
    "gpio_right": ("Recht an", "right to use"),
    "cure_gpio_right": ("Zur Gruppe gpio hinzufügen.", "Add the user to the group gpio."),
    "yes": ("ja", "yes"),
    "no": ("nein", "no"),
    "library": ("Bibliothek", "library"),
    "cure_library": (
        "Mit GPIO installieren: pip install '.[gpio]'.",
        "Install with GPIO: pip install '.[gpio]'.",
    ),
    "there": ("vorhanden", "there"),
    "missing_library": ("fehlt", "missing"),
    "line": ("Zeile", "line"),
    "kept": ("eingehalten", "kept"),
    "not_kept": ("überschritten", "exceeded"),
    "running": ("läuft", "in force"),
    "did_you_mean": ("Gemeint {guess}? ", "Did you mean {guess}? "),
    "missing": ("es fehlen", "missing"),
    "of": ("von", "of"),
    "because": ("weil", "because"),
    "given_to": ("vergeben", "given to"),
    "more": ("weitere", "more"),
    "heartbeat": ("Herzschlag vor", "heartbeat"),
    "window_open": ("Kopplungsfenster offen, noch {left}", "pairing window open, {left} left"),
    "window_closed": ("Kopplungsfenster geschlossen", "pairing window closed"),
    "remove_question": ("Nicht mehr koppeln?", "Trust it no longer?"),
    "removed": ("nicht mehr gekoppelt", "no longer trusted"),
    "refused": ("abgelehnt", "refused"),
    "learn_question": (
        "Der Kontakt ist jetzt {level}. Ist das Signal des Netzbetreibers jetzt AN? [j/n]",
        "The contact is {level} now. Is the grid operator's signal ON now? [y/n]",
    ),
    "signal": ("Signal", "Signal"),
    "no_limit": ("kein Limit", "no limit"),
    "limit": ("Limit", "Limit"),
    "budget": ("Budget", "Budget"),
    "grid": ("Netz", "Grid"),
    "source": ("Quelle", "Source"),
    "state": ("Zustand", "State"),
    "since": ("seit", "for"),
    "since_time": ("seit", "since"),
    "remaining": ("noch", "left"),
    "setpoint": ("Sollwert", "Set-point"),
    "measured": ("gemessen", "measured"),
    "reason": ("Grund", "Reason"),
    "free": ("frei", "free"),
    "offline": ("nicht erreichbar", "offline"),
    "alarms": ("Alarme", "Alarms"),
    "none": ("keine", "none"),
    "restored": ("wiederhergestellt", "restored"),
    "peer": ("Partner", "Peer"),
    "trusted": ("gekoppelt", "trusted"),
    "pending": ("wartet auf Zustimmung", "pending"),
    "rejected": ("abgelehnt", "rejected"),
    "generation": ("eigene Erzeugung", "own generation"),
    "exit": ("Ende mit Strg-C", "end with Ctrl-C"),
    "contact": ("Kontakt", "Contact"),
    "open": ("offen", "open"),
    "closed": ("geschlossen", "closed"),
    "unknown": ("unbekannt", "unknown"),
    "ok": ("in Ordnung", "ok"),
    "formula": ("Formel", "formula"),
    "sum_heat": ("ΣWP", "ΣHP"),
    "sum_cooling": ("ΣKlima", "ΣAC"),
    "undefined": ("nicht definiert: keine SteuVE", "undefined: no SteuVE"),
    "does_not_count": ("zählt nicht (≤ 4,2 kW)", "does not count (≤ 4.2 kW)"),
    "ask_contact": (
        "Bitte jetzt am Steuergerät das Signal auslösen lassen oder die Brücke öffnen …",
        "Now have the signal triggered at the control device, or open the bridge …",
    ),
    "records_ok": ("Nachweis unverletzt: {count} Einträge", "Proof intact: {count} records"),
    "config_ok": ("Konfiguration in Ordnung", "Configuration is fine"),
}


def system(said: object, lang: int) -> object:
    """What the operating system said, in the chosen language."""
    return SYSTEM_DE.get(said, said) if lang == DE and isinstance(said, str) else said


def language(name: str) -> int:
    """Index of a language; unknown names give German, the language of the cabinet."""
    return LANGUAGES.get(name[:2].lower(), DE)


def word(key: str, lang: int) -> str:
    """A word of the catalogue."""
    return WORDS[key][lang]


def alarm(code: str, lang: int) -> str:
    """Title of an alarm; an unknown code speaks for itself."""
    return ALARMS[code][0][lang] if code in ALARMS else code


def alarm_action(code: str, lang: int) -> str:
    """What the EMS does now and what to do; empty for an unknown code."""
    return ALARMS[code][1][lang] if code in ALARMS else ""


def source(name: str, lang: int) -> str:
    """A source of limits for people; an unknown one speaks for itself."""
    return SOURCES[name][lang] if name in SOURCES else name


def fault(name: str, lang: int) -> str:
    """What is wrong with a source; an unknown word speaks for itself."""
    return FAULTS[name][lang] if name in FAULTS else name


def flaw(code: str, record: str, lang: int) -> str:
    """What does not fit in the journal; an unknown code speaks for itself."""
    return FLAWS[code][lang].format(record=record) if code in FLAWS else f"{code} {record}"


def state(name: str, lang: int) -> str:
    """A state for people, with the word of the standard behind it."""
    return STATES[name][lang] if name in STATES else name


def missing_layer(layers: Mapping[str, bool], lang: int) -> str:
    """What a connection waits for; the layers come bottom up."""
    missing = next((name for name, reached in layers.items() if not reached), "")
    if not layers:
        missing = "found"
    return LAYERS[missing][lang] if missing in LAYERS else missing


def reason_of(load: Mapping[str, Any], lang: int) -> str:
    """Why a load may draw what it may; who is free but still capped waits for its release."""
    code = str(load["reason"]["code"])
    waits = code == "unlimited" and load["setpoint_w"] is not None
    return reason(RELEASING if waits else code, lang)


def reason(code: str, lang: int) -> str:
    """Text of a reason; an unknown code speaks for itself."""
    return REASONS[code][lang] if code in REASONS else code


def error(
    code: str, lang: int, params: Mapping[str, object], fallback: tuple[str, str] = ("", "")
) -> tuple[str, str]:
    """Message and hint of an error; ``fallback`` is used for codes the catalogue lacks."""
    if code not in ERRORS:
        return fallback
    message, hint = ERRORS[code]
    params = {name: system(value, lang) for name, value in params.items()}
    try:
        return message[lang].format(**params), hint[lang].format(**params)
    except KeyError:
        return fallback if fallback[0] else (message[lang], hint[lang])
