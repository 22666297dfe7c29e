"""Words of the live view, German and English."""

from __future__ import annotations

from typing import Final

from ems.cli import units
from ems.cli.texts import language

#: key -> German, English
WORDS: Final = {
    "title": ("EMS-Demo – keine echten Geräte", "EMS demo – no real devices"),
    "signal": ("Signal", "Signal"),
    "budget": ("Budget", "Budget"),
    "no_limit": ("kein Limit", "no limit"),
    "left": ("noch", "left"),
    "eebus": ("Steuerbox", "control box"),
    "contact": ("Kontakt", "contact"),
    "failsafe": ("Ausfallwert", "failsafe"),
    "fault": ("Störung", "fault"),
    "test": ("Test", "test"),
    "open": ("offen", "open"),
    "closed": ("geschlossen", "closed"),
    "paired": ("gekoppelt", "paired"),
    "gone": ("getrennt", "gone"),
    "beat": ("Herzschlag vor", "heartbeat"),
    "ago": ("", "ago"),
    "silent": ("Herzschlag aus", "heartbeat off"),
    "device": ("SteuVE", "SteuVE"),
    "setpoint": ("Sollwert", "set"),
    "measured": ("gemessen", "measured"),
    "reason": ("Grund", "reason"),
    "free": ("frei", "free"),
    "house": ("Haus", "house"),
    "sun": ("Sonne", "sun"),
    "grid": ("Netz", "grid"),
    "nwlb": ("netzwirksam", "grid-effective"),
    "alarm": ("Alarm", "alarm"),
    "starting": ("Programme starten …", "starting the programs …"),
    "pairing": ("Steuerbox wird gekoppelt …", "pairing with the control box …"),
    "ready": ("Bereit. Drücken Sie L.", "Ready. Press L."),
    "restarting": ("EMS startet …", "EMS is starting …"),
    "key_limit": ("Limit", "limit"),
    "key_release": ("Freigabe", "release"),
    "key_beat": ("Herzschlag", "heartbeat"),
    "key_contact": ("Kontakt", "contact"),
    "key_sun": ("Sonne", "sun"),
    "key_quit": ("Ende", "quit"),
    "sent_limit": ("Steuerbox sendet {watts}", "control box sends {watts}"),
    "sent_release": ("Steuerbox gibt frei", "control box releases"),
    "beat_off": (
        "Herzschlag aus: nach 120 s gilt der Ausfallwert",
        "heartbeat off: the failsafe value rules after 120 s",
    ),
    "beat_on": ("Herzschlag wieder an", "heartbeat on again"),
    "contact_open": ("Kontakt offen: Limit P_min", "contact open: limit P_min"),
    "contact_closed": ("Kontakt geschlossen", "contact closed"),
    "sun_on": ("Sonne: 6.000 W", "sun: 6,000 W"),
    "sun_off": ("Sonne weg", "sun gone"),
}


def word(key: str, lang: str) -> str:
    """A word in ``de`` or ``en``; a key without a word speaks for itself."""
    german, english = WORDS.get(key, (key, key))
    return german if lang == "de" else english


def watts(power_w: float | None, lang: str) -> str:
    """Whole watts with grouped digits, as the command line writes them; unknown is a dash."""
    return units.watts(power_w, language(lang))
