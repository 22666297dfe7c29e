"""What can be wrong with a configuration: codes with cause and action, in German and English.

Data only. ``{…}`` is filled from the parameters of a :class:`Problem`. Pattern of the codes:
ux.md 11 (severity, area, number).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One code: cause and action per language."""

    cause_de: str
    action_de: str
    cause_en: str
    action_en: str


ENTRIES: dict[str, Entry] = {
    "E-CFG-001": Entry(
        "Neue Konfiguration fehlerhaft, die letzte gute läuft weiter: {why}",
        "Fehler beheben und mit „ems config check“ prüfen.",
        "The new configuration is faulty, the last good one stays in force: {why}",
        "Mend it and check with “ems config check”.",
    ),
    "E-CFG-002": Entry(
        "Konfiguration {path} kann nicht gelesen werden: {why}",
        "Pfad und Leserechte prüfen.",
        "The configuration {path} cannot be read: {why}",
        "Check the path and who may read it.",
    ),
    "E-CFG-003": Entry(
        "Kein gültiges TOML: {why}",
        "Anführungszeichen, Klammern und Gleichheitszeichen in dieser Zeile prüfen.",
        "Not valid TOML: {why}",
        "Check quotes, brackets and equal signs in this line.",
    ),
    "E-CFG-004": Entry(
        "Unbekannter Schlüssel „{key}“ in {section}",
        "{suggestion}",
        "Unknown key “{key}” in {section}",
        "{suggestion}",
    ),
    "E-CFG-005": Entry(
        "{key} fehlt",
        "Schlüssel eintragen, erlaubt: {about}",
        "{key} is missing",
        "Add the key, allowed: {about}",
    ),
    "E-CFG-006": Entry(
        "{key}: {value} ist nicht erlaubt",
        "Erlaubt: {about}",
        "{key}: {value} is not allowed",
        "Allowed: {about}",
    ),
    "E-CFG-007": Entry(
        "Die Datei ist größer als {limit} Bytes",
        "Das ist keine ems.toml; Pfad prüfen.",
        "The file is larger than {limit} bytes",
        "This is no ems.toml; check the path.",
    ),
    "E-CFG-008": Entry(
        "Umgebungsvariable {name} passt nicht: {why}",
        "Variable löschen oder berichtigen (Form: EMS__ABSCHNITT__SCHLÜSSEL).",
        "Environment variable {name} does not fit: {why}",
        "Remove or mend it (form: EMS__SECTION__KEY).",
    ),
    "E-CFG-009": Entry(
        "Mit dieser Konfiguration kann der Dienst nicht arbeiten: {why}",
        "Ordner und Rechte prüfen; die Konfiguration davor läuft weiter.",
        "The service cannot run with this configuration: {why}",
        "Check folders and rights; the configuration before stays in force.",
    ),
    "E-CFG-010": Entry(
        "Kennung „{id}“ ist doppelt vergeben",
        "Jedes Gerät, jeder Zähler und jeder Stromkreis braucht eine eigene Kennung.",
        "The id “{id}” is used twice",
        "Give every device, meter and circuit an id of its own.",
    ),
    "E-CFG-011": Entry(
        "{key} nennt den Stromkreis „{ref}“, den es nicht gibt",
        "{suggestion}",
        "{key} names the circuit “{ref}”, which does not exist",
        "{suggestion}",
    ),
    "E-CFG-012": Entry(
        "Die Stromkreise bilden einen Ring: {ring}",
        "Einen der Einträge parent entfernen.",
        "The circuits form a ring: {ring}",
        "Remove one of the parent entries.",
    ),
    "E-CFG-013": Entry(
        'Mehr als ein Zähler mit role = "grid": {ids}',
        "Genau ein Zähler misst den Netzanschluss; die anderen sind pv oder sub.",
        'More than one meter with role = "grid": {ids}',
        "Exactly one meter measures the grid connection; the others are pv or sub.",
    ),
    "E-CFG-014": Entry(
        "signal.sources nennt contact, aber der Abschnitt [signal.contact] fehlt",
        "Abschnitt eintragen oder contact aus sources entfernen.",
        "signal.sources names contact, but the section [signal.contact] is missing",
        "Add the section or remove contact from sources.",
    ),
    "E-CFG-015": Entry(
        "GPIO-Anschluss {pin} wird doppelt benutzt: {first} und {second}",
        "Jedem Kontakt und Relais einen eigenen Anschluss geben.",
        "GPIO pin {pin} is used twice: {first} and {second}",
        "Give every contact and relay a pin of its own.",
    ),
    "E-CFG-016": Entry(
        "Die Gerätekarte „{device}“ ist unbekannt ({key})",
        "{suggestion}",
        "The device map “{device}” is unknown ({key})",
        "{suggestion}",
    ),
    "E-CFG-017": Entry(
        "{key} braucht {missing}",
        "Schlüssel eintragen.",
        "{key} needs {missing}",
        "Add the key.",
    ),
    "E-CFG-018": Entry(
        "{first} und {second} haben dieselbe Adresse {address}",
        "Adresse, Port oder unit_id berichtigen.",
        "{first} and {second} have the same address {address}",
        "Mend host, port or unit_id.",
    ),
    "E-CFG-019": Entry(
        "{key} ist jetzt {new} statt {old}: Limit, Schlüssel und Nachweis blieben zurück",
        "Dienst anhalten, den Ordner umziehen (mv), Dienst starten.",
        "{key} is {new} now instead of {old}: limit, key and proof would stay behind",
        "Stop the service, move the folder (mv), start the service.",
    ),
    "W-CFG-101": Entry(
        "Anschlussleistung {connection_w} W ist kleiner als die Summe der Geräte {sum_w} W",
        "Absicherung prüfen: Ohne Limit laufen alle Geräte mit ihrem eigenen Höchstwert.",
        "The connection of {connection_w} W is smaller than the sum of the devices, {sum_w} W",
        "Check the fuses: without a limit every device uses its own maximum.",
    ),
    "W-CFG-102": Entry(
        "Wenn das EMS ausfällt, ziehen die Geräte bis zu {sum_w} W, erlaubt sind {pmin_w} W "
        "(ohne Ausfallwert: {unknown})",
        "failsafe_a und failsafe_timeout_s setzen oder im Gerät einen Ausfallwert einstellen.",
        "When the EMS dies the devices draw up to {sum_w} W, {pmin_w} W are owed "
        "(without failsafe: {unknown})",
        "Set failsafe_a and failsafe_timeout_s, or a fall-back in the device itself.",
    ),
    "W-CFG-103": Entry(
        "Stromkreis „{id}“: {limit} ist größer als im übergeordneten „{parent}“ ({parent_limit})",
        "Der übergeordnete Wert gilt; Eintrag prüfen.",
        "Circuit “{id}”: {limit} exceeds its parent “{parent}” ({parent_limit})",
        "The parent's value rules; check the entry.",
    ),
    "W-CFG-104": Entry(
        "Stromkreis „{id}“ erlaubt {limit_a} A: Keine Wallbox kann daran laden (mindestens 6 A)",
        "limit_a prüfen.",
        "Circuit “{id}” allows {limit_a} A: no wallbox can charge there (6 A at least)",
        "Check limit_a.",
    ),
    "W-CFG-105": Entry(
        "Einphasige Wallboxen ohne rotation: {ids}",
        "Phasenfolge eintragen, sonst wird Leistung verschenkt.",
        "One-phase wallboxes without rotation: {ids}",
        "Add the phase order, otherwise capacity is lost.",
    ),
    "W-CFG-106": Entry(
        'Kein Zähler mit role = "grid"',
        "Eigene Erzeugung wird ohne ihn nicht angerechnet.",
        'No meter with role = "grid"',
        "Without it own generation is not credited.",
    ),
    "W-CFG-107": Entry(
        'limiting_when = "closed": ein Drahtbruch am Kontakt bleibt unbemerkt',
        "Wenn der Netzbetreiber es zulässt, open verwenden.",
        'limiting_when = "closed": a broken wire at the contact goes unnoticed',
        "Use open where the grid operator allows it.",
    ),
    "W-CFG-108": Entry(
        "Die Polarität des Kontakts ist nicht bestätigt",
        "„ems contact learn“ ausführen; der Kontakt wird schon befolgt.",
        "The polarity of the contact is not confirmed",
        "Run “ems contact learn”; the contact is obeyed already.",
    ),
    "W-CFG-109": Entry(
        "Kein Gerät zählt als SteuVE: Ein Signal wird aufgezeichnet, aber begrenzt wird nichts",
        "[[steuve]] eintragen; mehr als 4.200 W je Gerät oder Gruppe.",
        "No device counts as SteuVE: a signal is recorded, but there is nothing to limit",
        "Add [[steuve]]; more than 4,200 W per device or group.",
    ),
    "W-CFG-110": Entry(
        "{key} = {value} W liegt unter der Mindestleistung {pmin_w} W",
        "Nur mit Zustimmung des Netzbetreibers so lassen.",
        "{key} = {value} W is below the minimum power of {pmin_w} W",
        "Leave it so only if the grid operator agrees.",
    ),
    "W-CFG-111": Entry(
        "{key}: {value} W sind mehr als {phases} Phasen mit {max_a} A liefern ({possible_w} W)",
        "rated_w wie beim Netzbetreiber gemeldet eintragen, max_a prüfen.",
        "{key}: {value} W is more than {phases} phases of {max_a} A can carry ({possible_w} W)",
        "Enter rated_w as registered with the grid operator, check max_a.",
    ),
    "W-CFG-112": Entry(
        "[signal.contact] ist eingetragen, aber sources nennt contact nicht",
        "contact in sources aufnehmen, wenn das Koppelrelais angeschlossen ist.",
        "[signal.contact] is there, but sources does not name contact",
        "Add contact to sources if the coupling relay is wired.",
    ),
}

SYSTEM_DE = {
    "No such file or directory": "Datei oder Ordner gibt es nicht",
    "Permission denied": "keine Berechtigung",
    "Is a directory": "ist ein Ordner",
    "Not a directory": "ist kein Ordner",
    "No space left on device": "der Speicher ist voll",
    "Read-only file system": "der Speicher ist schreibgeschützt",
    "Input/output error": "der Speicher meldet einen Fehler",
    "File exists": "gibt es schon",
    "Connection refused": "Verbindung abgelehnt",
    "No route to host": "kein Weg dorthin",
    "Network is unreachable": "Netz nicht erreichbar",
    "Name or service not known": "Name unbekannt",
    "Address already in use": "Adresse ist schon belegt",
    "timed out": "keine Antwort in der Zeit",
}
"""What the operating system says, in German; in English it speaks for itself."""

SUGGEST = {
    "de": ("Meinten Sie „{guess}“?", "Erlaubt sind: {allowed}"),
    "en": ("Did you mean “{guess}”?", "Allowed: {allowed}"),
}
