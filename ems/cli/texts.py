"""Every sentence the command line says, in German and English; legal terms stay German."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

DE: Final = 0
EN: Final = 1
LANGUAGES: Final = {"de": DE, "en": EN}

# code -> ((message de, message en), (what to do de, what to do en)); {names} are filled in.
ERRORS: Final[dict[str, tuple[tuple[str, str], tuple[str, str]]]] = {
    "E-SRV-000": (
        ("Der Dienst ist nicht erreichbar ({path}).", "The service cannot be reached ({path})."),
        (
            "Läuft er? `systemctl status ems`, oder den Pfad mit --socket angeben.",
            "Is it running? `systemctl status ems`, or give the path with --socket.",
        ),
    ),
    "E-SRV-005": (
        ("Der Dienst hat nicht rechtzeitig geantwortet.", "The service did not answer in time."),
        ("Noch einmal versuchen; `ems doctor` zeigt mehr.", "Try again; `ems doctor` tells more."),
    ),
    "E-USE-001": (
        ("{value} ist keine Leistung.", "{value} is not a power."),
        ("Zum Beispiel 4200, 4200W oder 4.2kW.", "For example 4200, 4200W or 4.2kW."),
    ),
    "E-USE-002": (
        ("{value} ist keine Dauer.", "{value} is not a duration."),
        ("Zum Beispiel 90s, 30m, 2h oder PT2H.", "For example 90s, 30m, 2h or PT2H."),
    ),
    "E-USE-003": (
        ("Hier fehlt eine Bestätigung.", "A confirmation is missing."),
        (
            "Mit --yes bestätigen; ohne Terminal wird nie gefragt.",
            "Confirm with --yes; nothing is asked without a terminal.",
        ),
    ),
    "E-USE-004": (
        ("Das Kennwort fehlt.", "The passphrase is missing."),
        ("Ohne Terminal in {name} angeben.", "Without a terminal give it in {name}."),
    ),
    "E-USE-005": (
        ("Das Kennwort ist zu kurz.", "The passphrase is too short."),
        ("Mindestens {least} Zeichen.", "At least {least} characters."),
    ),
    "E-PAIR-011": (
        ("Die EEBUS-Seite läuft nicht.", "The EEBUS side does not run."),
        (
            "`ems status` zeigt den Grund; Abschnitt [eebus] und Alarm E-ID-001.",
            "`ems status` shows why; section [eebus] and alarm E-ID-001.",
        ),
    ),
    "E-PAIR-001": (
        (
            "Keine Steuerbox gefunden ({seconds} s gesucht).",
            "No control box found (searched for {seconds} s).",
        ),
        (
            "Gleiches Netz? mDNS erlaubt? Sonst: ems pair add SKI --host IP.",
            "Same network? mDNS allowed? Otherwise: ems pair add SKI --host IP.",
        ),
    ),
    "E-PAIR-002": (
        ("Das ist unsere eigene SKI.", "This is our own SKI."),
        (
            "Die SKI der Steuerbox eintragen; unsere zeigt `ems identity show`.",
            "Enter the SKI of the control box; `ems identity show` shows ours.",
        ),
    ),
    "E-PAIR-003": (
        (
            "SKI unvollständig oder vertippt ({digits} von 40 Zeichen).",
            "SKI incomplete or mistyped ({digits} of 40 digits).",
        ),
        (
            "40 Hexadezimalziffern, Leerzeichen und Bindestriche sind erlaubt.",
            "40 hexadecimal digits; blanks and hyphens are allowed.",
        ),
    ),
    "E-PAIR-004": (
        ("Die Gegenstelle lehnt uns ab.", "The peer refuses us."),
        (
            "Der Messstellenbetreiber muss unsere SKI in der Steuerbox eintragen.",
            "The metering point operator must enter our SKI in the control box.",
        ),
    ),
    "E-PAIR-006": (
        ("Andere SKI als erwartet.", "Another SKI than expected."),
        (
            "Wurde die Box getauscht? Nicht ohne Rückfrage koppeln.",
            "Was the box replaced? Do not pair without asking.",
        ),
    ),
    "E-PAIR-009": (
        ("Zu dieser SKI ist nichts bekannt.", "Nothing is known about this SKI."),
        ("`ems pair list` zeigt, wer sich gemeldet hat.", "`ems pair list` shows who called."),
    ),
    "E-PAIR-010": (
        ("Der Partner ist noch nicht so weit.", "The peer is not there yet."),
        ("`ems pair why SKI` nennt den Grund.", "`ems pair why SKI` tells the reason."),
    ),
    "E-LIM-001": (
        (
            "Ein Limit der Steuerbox hebt nur die Steuerbox auf.",
            "Only the control box lifts a limit of the control box.",
        ),
        (
            "`ems limit release` beendet nur das interne Testlimit.",
            "`ems limit release` ends the internal test limit only.",
        ),
    ),
    "E-STV-001": (
        ("Eine SteuVE {id} gibt es nicht.", "There is no SteuVE {id}."),
        ("Bekannt sind: {known}.", "Known are: {known}."),
    ),
    "E-CON-002": (
        ("Kein Wechsel des Kontakts gesehen.", "The contact did not change."),
        (
            "Signal am Steuergerät auslösen oder Brücke öffnen und wiederholen.",
            "Trigger the control device or open the bridge, and repeat.",
        ),
    ),
    "E-CON-003": (
        ("Es ist kein Kontakt eingerichtet.", "No contact is configured."),
        ("Abschnitt [signal.contact] in ems.toml.", "Section [signal.contact] in ems.toml."),
    ),
    "E-CON-004": (
        (
            "Der Kontakt passt nicht zur Antwort: Polarität nicht bestätigt.",
            "The contact contradicts the answer: polarity not confirmed.",
        ),
        ("Verdrahtung prüfen und wiederholen.", "Check the wiring and repeat."),
    ),
    "E-ID-001": (
        ("Der Schlüssel passt nicht zur SKI.", "The key does not match the SKI."),
        (
            "Nichts löschen! `ems identity restore DATEI` spielt die Sicherung ein.",
            "Delete nothing! `ems identity restore FILE` brings the backup back.",
        ),
    ),
    "E-ID-002": (
        ("Es gibt schon eine Identität ({path}).", "There already is an identity ({path})."),
        (
            "Sie wird nie überschrieben; ihre SKI ist beim Netzbetreiber gemeldet.",
            "It is never overwritten; its SKI is registered with the grid operator.",
        ),
    ),
    "E-ID-003": (
        ("Es gibt noch keine Identität ({path}).", "There is no identity yet ({path})."),
        ("`ems identity create` legt sie an.", "`ems identity create` makes it."),
    ),
    "E-ID-004": (
        ("Die Sicherung ist nicht lesbar: {why}.", "The backup cannot be read: {why}."),
        ("Kennwort und Datei prüfen.", "Check passphrase and file."),
    ),
    "E-REC-001": (
        ("Es gibt keine Aufzeichnungen unter {path}.", "There are no records at {path}."),
        ("Pfad mit --db oder --config angeben.", "Give the path with --db or --config."),
    ),
    "E-REC-002": (
        ("Der Nachweis ist verletzt: {why}", "The proof is broken: {why}"),
        (
            "Datei sichern, nichts löschen, Hersteller fragen.",
            "Keep the file, delete nothing, ask the manufacturer.",
        ),
    ),
    "E-REC-003": (
        ("Ein Ereignis {id} gibt es nicht.", "There is no event {id}."),
        ("`ems records list` zeigt alle.", "`ems records list` shows all."),
    ),
    "E-INT-001": (
        ("Interner Fehler: {why}", "Internal error: {why}"),
        (
            "Bitte mit der Ausgabe von EMS_DEBUG=1 melden.",
            "Please report it with the output of EMS_DEBUG=1.",
        ),
    ),
}

# code of an alarm -> (de, en)
ALARMS: Final[dict[str, tuple[str, str]]] = {
    "W-LPC-001": ("Kein Herzschlag – Ausfallbetrieb", "No heartbeat – failsafe"),
    "W-LPC-002": (
        "Ausfallzeit vorbei, Steuerbox schweigt – frei",
        "Failsafe time is over, control box silent – free",
    ),
    "I-LPC-010": ("Steuerbox hat Ausfallwert gesetzt", "Control box set the failsafe value"),
    "E-LPC-002": ("Limit abgelehnt", "Limit refused"),
    "E-CON-001": ("Kontakt flattert – Limit bleibt", "Contact flaps – limit stays"),
    "E-CON-005": ("Kontakt nicht lesbar – Limit gilt", "Contact unreadable – limited"),
    "W-CON-006": ("Polarität nicht bestätigt", "Polarity not confirmed"),
    "W-SIG-001": ("Kontakt und EEBUS widersprechen sich", "Contact and EEBUS contradict"),
    "W-SIG-002": ("Limit unter P_min,14a", "Limit below P_min,14a"),
    "W-SIG-003": ("Signal, aber keine SteuVE", "A signal, but no SteuVE"),
    "W-NWB-001": ("Über dem Limit – es wird nachgeregelt", "Above the limit – correcting"),
    "E-DEV-001": ("Gerät antwortet nicht", "Device does not answer"),
    "E-DEV-002": ("Gerät lehnt ab", "Device refuses"),
    "E-DEV-003": ("Gerät falsch eingerichtet", "Device set up wrongly"),
    "E-DEV-005": ("Gerät folgt nicht", "Device does not follow"),
    "E-DEV-006": ("Gerät nicht freigegeben", "Device not released"),
    "E-MET-001": ("Netzmessung fehlt – keine Gutschrift", "Grid meter missing – no credit"),
    "E-NWB-001": ("Limit überschritten", "Limit exceeded"),
    "E-ID-001": ("Schlüssel passt nicht zur SKI", "Key does not match the SKI"),
    "E-CFG-001": (
        "Neue Konfiguration fehlerhaft, alte gilt",
        "New configuration broken, old holds",
    ),
    "E-DISK-001": ("Speicher fast voll", "Disk nearly full"),
    "E-DISK-002": ("Zustand nicht schreibbar", "State cannot be written"),
    "E-STATE-001": ("Zustandsdatei beschädigt – P_min gilt", "State file damaged – P_min holds"),
    "E-REC-004": ("Nachweis beschädigt – neu begonnen", "Journal damaged – begun anew"),
    "E-REC-005": ("Nachweis nicht schreibbar", "Journal cannot be written"),
    "E-NET-001": ("SHIP-Port nicht verfügbar", "SHIP port not available"),
    "E-TIME-001": ("Uhrzeit nicht synchron", "Clock not synchronised"),
}

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
    "hold_start": ("wartet auf die erste Auskunft", "waits for the first word"),
    "hold_spacing": ("nächster Schritt folgt", "next step follows"),
    "hold_minoff": ("Mindestpause des Geräts", "minimum pause of the device"),
    "offline": ("nicht erreichbar, Anteil reserviert", "unreachable, share reserved"),
    "fault_no_reaction": ("folgt dem Sollwert nicht", "does not follow its set-point"),
    "escalation": ("abgeschaltet, weil es nicht folgt", "switched off, does not follow"),
}

WORDS: Final[dict[str, tuple[str, str]]] = {
    "signal": ("Signal", "Signal"),
    "no_limit": ("kein Limit", "no limit"),
    "limit": ("Limit", "Limit"),
    "budget": ("Budget", "Budget"),
    "grid": ("Netz", "Grid"),
    "source": ("Quelle", "Source"),
    "state": ("Zustand", "State"),
    "since": ("seit", "for"),
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
    "undefined": ("nicht definiert: keine SteuVE", "undefined: no SteuVE"),
    "does_not_count": ("zählt nicht (≤ 4,2 kW)", "does not count (≤ 4.2 kW)"),
    "ask_contact": (
        "Bitte jetzt am Steuergerät das Signal auslösen lassen oder die Brücke öffnen.",
        "Now have the signal triggered at the control device, or open the bridge.",
    ),
    "records_ok": ("Nachweis unverletzt: {count} Einträge", "Proof intact: {count} records"),
    "config_ok": ("Konfiguration in Ordnung", "Configuration is fine"),
}


def language(name: str) -> int:
    """Index of a language; unknown names give German, the language of the cabinet."""
    return LANGUAGES.get(name[:2].lower(), DE)


def word(key: str, lang: int) -> str:
    """A word of the catalogue."""
    return WORDS[key][lang]


def alarm(code: str, lang: int) -> str:
    """Title of an alarm; an unknown code speaks for itself."""
    return ALARMS[code][lang] if code in ALARMS else code


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
    try:
        return message[lang].format(**params), hint[lang].format(**params)
    except KeyError:
        return fallback if fallback[0] else (message[lang], hint[lang])
