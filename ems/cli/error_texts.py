"""Every error of the command line in German and English: cause, and what to do."""

from __future__ import annotations

from typing import Final

# code -> ((message de, message en), (what to do de, what to do en)); {names} are filled in.
ERRORS: Final[dict[str, tuple[tuple[str, str], tuple[str, str]]]] = {
    "E-SRV-000": (
        ("Der Dienst ist nicht erreichbar ({path}).", "The service cannot be reached ({path})."),
        (
            "Läuft er? `systemctl status ems`, oder den Pfad mit --socket angeben.",
            "Is it running? `systemctl status ems`, or give the path with --socket.",
        ),
    ),
    "E-SRV-004": (
        ("Der Dienst nimmt das nicht an: {why}", "The service does not take this: {why}"),
        ("`ems … --help` zeigt ein Beispiel.", "`ems … --help` shows an example."),
    ),
    "E-SRV-005": (
        ("Der Dienst hat nicht rechtzeitig geantwortet.", "The service did not answer in time."),
        ("Noch einmal versuchen; `ems doctor` zeigt mehr.", "Try again; `ems doctor` tells more."),
    ),
    "E-SRV-006": (
        ("Kein Recht, den Dienst zu fragen ({path}).", "No right to ask the service ({path})."),
        (
            "Zur Gruppe gehören: `sudo usermod -aG ems $USER`, dann neu anmelden.",
            "Join the group: `sudo usermod -aG ems $USER`, then log in again.",
        ),
    ),
    "E-SRV-007": (
        ("Der Dienst hat die Verbindung beendet.", "The service has ended the connection."),
        (
            "Er startet wohl neu; wiederholen. `systemctl status ems` zeigt mehr.",
            "It is probably starting again; repeat. `systemctl status ems` tells more.",
        ),
    ),
    "E-SRV-008": (
        ("Hier antwortet nicht unser Dienst ({path}).", "This is not our service ({path})."),
        ("Den Pfad mit --socket prüfen.", "Check the path given with --socket."),
    ),
    "E-SRV-009": (
        (
            "Mit {path} läuft schon ein Dienst.",
            "A service with {path} is running already.",
        ),
        (
            "`ems status` zeigt ihn; erst beenden: `systemctl stop ems`.",
            "`ems status` shows it; end it first: `systemctl stop ems`.",
        ),
    ),
    "E-SRV-001": (
        ("Der Dienst versteht die Anfrage nicht.", "The service does not understand the request."),
        (
            "Programm und Dienst sind verschieden alt? `ems version`, Dienst neu starten.",
            "Program and service differ in age? `ems version`, restart the service.",
        ),
    ),
    "E-SRV-002": (
        ("Der Dienst kennt diese Anfrage nicht.", "The service does not know this request."),
        (
            "Programm und Dienst sind verschieden alt? `ems version`, Dienst neu starten.",
            "Program and service differ in age? `ems version`, restart the service.",
        ),
    ),
    "E-SRV-003": (
        ("Zu viele Programme fragen den Dienst.", "Too many programs ask the service."),
        ("Offene `ems … --watch` beenden.", "End other `ems … --watch`."),
    ),
    "E-USE-006": (
        ("Die Option {name} gibt es nicht.", "There is no option {name}."),
        ("{suggestion}`{help}` zeigt, was es gibt.", "{suggestion}`{help}` shows what there is."),
    ),
    "E-USE-007": (
        ("Den Befehl {name} gibt es nicht.", "There is no command {name}."),
        ("{suggestion}`{help}` zeigt, was es gibt.", "{suggestion}`{help}` shows what there is."),
    ),
    "E-USE-008": (
        ("Es fehlt: {name}.", "Something is missing: {name}."),
        ("`{help}` zeigt ein Beispiel.", "`{help}` shows an example."),
    ),
    "E-USE-009": (
        (
            "Unbrauchbarer Wert für {name}; erwartet: {why}.",
            "Unusable value for {name}; expected: {why}.",
        ),
        ("`{help}` zeigt ein Beispiel.", "`{help}` shows an example."),
    ),
    "E-USE-010": (
        ("So ist der Aufruf nicht zu verstehen: {why}", "This cannot be understood: {why}"),
        ("`{help}` zeigt ein Beispiel.", "`{help}` shows an example."),
    ),
    "E-USE-014": (
        ("Zu viel angegeben: {name}.", "Too much was given: {name}."),
        ("`{help}` zeigt ein Beispiel.", "`{help}` shows an example."),
    ),
    "E-USE-012": (
        (
            "{value} liegt nicht zwischen {least} und {most}.",
            "{value} is not between {least} and {most}.",
        ),
        ("Einen Wert in diesen Grenzen angeben.", "Give a value within these bounds."),
    ),
    "E-USE-011": (
        ("Die Datei {path} ist nicht zu gebrauchen: {why}.", "File {path} cannot be used: {why}."),
        (
            "Pfad und Rechte prüfen, vielleicht mit sudo.",
            "Check path and rights, perhaps use sudo.",
        ),
    ),
    "E-USE-013": (
        ("Ohne Terminal wird nicht gefragt.", "Nothing is asked without a terminal."),
        (
            "Mit --active open oder --active closed sagen, was das Signal bedeutet.",
            "Say with --active open or --active closed what the signal means.",
        ),
    ),
    "E-ID-005": (
        ("Die Datei {path} gibt es schon.", "The file {path} exists already."),
        (
            "Eine Sicherung wird nie überschrieben; einen anderen Namen wählen.",
            "A backup is never overwritten; choose another name.",
        ),
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
    "E-PAIR-012": (
        ("Dieser Partner wartet nicht auf Zustimmung.", "This peer does not wait for a decision."),
        (
            "`ems pair list` zeigt ihn; im Voraus vertrauen: `ems pair add SKI`.",
            "`ems pair list` shows it; trust in advance: `ems pair add SKI`.",
        ),
    ),
    "E-PAIR-013": (
        ("Dieser Partner ist nicht gekoppelt.", "This peer is not trusted."),
        ("`ems pair list` zeigt, wer gekoppelt ist.", "`ems pair list` shows who is trusted."),
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
    "E-PAIR-005": (
        ("Wartet auf Ihre Zustimmung.", "Waits for your decision."),
        (
            "Die ganze SKI mit dem Aufkleber vergleichen, dann `ems pair accept SKI`.",
            "Compare the whole SKI with the label, then `ems pair accept SKI`.",
        ),
    ),
    "E-PAIR-007": (
        ("Die Verbindung war doppelt.", "The connection was double."),
        ("Wird aufgeräumt, kein Eingriff nötig.", "It is being cleared, nothing to do."),
    ),
    "E-PAIR-008": (
        (
            "Das Gerät lässt nur einen Energiemanager zu.",
            "The device admits one energy manager only.",
        ),
        ("Den alten Partner dort entfernen.", "Remove the old partner there."),
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
