"""Every alarm in German and English: what is the matter, and what the EMS does now, what to do."""

from __future__ import annotations

from typing import Final, TypeAlias

Pair: TypeAlias = "tuple[str, str]"

# code -> ((title de, title en), (what now de, what now en))
ALARMS: Final[dict[str, tuple[Pair, Pair]]] = {
    "W-LPC-001": (
        ("Kein Herzschlag – Ausfallbetrieb", "No heartbeat – failsafe"),
        (
            "Der Ausfallwert gilt. Netzwerk und Steuerbox prüfen: `ems pair why SKI`.",
            "The failsafe value rules. Check network and control box: `ems pair why SKI`.",
        ),
    ),
    "E-DISK-001": (
        ("Speicher fast voll", "Disk nearly full"),
        (
            "Der Nachweis läuft weiter. Platz schaffen, keine Nachweise löschen.",
            "The proof goes on. Make room, but delete no records.",
        ),
    ),
    "W-LPC-002": (
        ("Steuerbox schweigt – frei", "Control box silent – free"),
        (
            "Die Wartezeit ist vorbei, sie limitiert nicht mehr. Verbindung prüfen.",
            "The waiting time is over, it limits no more. Check the connection.",
        ),
    ),
    "E-CON-001": (
        ("Kontakt flattert", "Contact flaps"),
        (
            "Das Limit bleibt, bis er ruhig ist. Klemmen und Leitung des Relais prüfen.",
            "The limit stays until it is steady. Check terminals and cable of the relay.",
        ),
    ),
    "E-CON-005": (
        ("Kontakt nicht lesbar", "Contact unreadable"),
        (
            "Es gilt das Limit. Leitung prüfen, dann `ems doctor gpio`.",
            "The limit rules. Check the cable, then `ems doctor gpio`.",
        ),
    ),
    "E-CON-007": (
        ("Gelernte Polarität beschädigt", "Learnt polarity damaged"),
        (
            "Der Kontakt begrenzt, bis er neu gelernt ist: `ems contact learn`.",
            "The contact limits until it is learnt anew: `ems contact learn`.",
        ),
    ),
    "W-CON-006": (
        ("Polarität nicht bestätigt", "Polarity not confirmed"),
        (
            "Der Kontakt wird schon befolgt. Einmal `ems contact learn` ausführen.",
            "The contact is obeyed already. Run `ems contact learn` once.",
        ),
    ),
    "W-SIG-001": (
        ("Kontakt und EEBUS widersprechen sich", "Contact and EEBUS contradict"),
        (
            "Das strengere Limit gilt. Polarität und Kopplung prüfen.",
            "The stricter limit rules. Check polarity and pairing.",
        ),
    ),
    "W-SIG-002": (
        ("Limit unter P_min,14a", "Limit below P_min,14a"),
        (
            "Es wird befolgt und aufgezeichnet. Den Netzbetreiber darauf ansprechen.",
            "It is obeyed and recorded. Talk to the grid operator about it.",
        ),
    ),
    "W-SIG-003": (
        ("Signal, aber keine SteuVE", "A signal, but no SteuVE"),
        (
            "Nichts kann begrenzt werden. Geräte als [[steuve]] in ems.toml eintragen.",
            "Nothing can be limited. Enter the devices as [[steuve]] in ems.toml.",
        ),
    ),
    "W-NWB-001": (
        ("Über dem Limit", "Above the limit"),
        (
            "Das EMS regelt nach. Bleibt es so: `ems steuve list` nennt das Gerät.",
            "The EMS is correcting. If it stays: `ems steuve list` names the device.",
        ),
    ),
    "E-NWB-001": (
        ("Limit wird nicht eingehalten", "The limit is not kept"),
        (
            "Alle Mittel sind erschöpft. Gerät, das nicht folgt, von Hand abschalten.",
            "All means are used up. Switch off by hand what does not follow.",
        ),
    ),
    "E-CTL-001": (
        ("Fehler beim Aufteilen", "Fault while sharing"),
        (
            "Das Limit gilt, niemand bekommt mehr. `journalctl -u ems` melden.",
            "The limit is kept, nobody gets more. Report `journalctl -u ems`.",
        ),
    ),
    "E-DEV-001": (
        ("Gerät antwortet nicht", "Device does not answer"),
        (
            "Sein Anteil bleibt reserviert. Netzwerk, Adresse und Gerät prüfen.",
            "Its share stays reserved. Check network, address and device.",
        ),
    ),
    "E-DEV-002": (
        ("Gerät lehnt den Sollwert ab", "Device refuses its set-point"),
        (
            "Es zählt mit seinem möglichen Bezug. Fernsteuerung am Gerät freigeben.",
            "It counts with what it may draw. Enable remote control at the device.",
        ),
    ),
    "E-DEV-005": (
        ("Gerät folgt seinem Sollwert nicht", "Device does not follow its set-point"),
        (
            "Andere geben dafür nach. Messung und Einstellungen des Geräts prüfen.",
            "Others give way for it. Check measurement and settings of the device.",
        ),
    ),
    "E-DEV-006": (
        ("Gerät ist nach dem Limit nicht frei", "Device is not free after the limit"),
        (
            "Die Freigabe wird wiederholt. Gerät und Verbindung prüfen.",
            "The release is repeated. Check device and connection.",
        ),
    ),
    "E-MET-001": (
        ("Netzmessung fehlt", "Grid meter missing"),
        (
            "Eigene Erzeugung wird nicht gutgeschrieben. Zähler und Netzwerk prüfen.",
            "Own generation is not credited. Check meter and network.",
        ),
    ),
    "E-ID-001": (
        ("Schlüssel passt nicht zur SKI", "Key does not match the SKI"),
        (
            "EEBUS ruht, der Kontakt gilt. Nichts löschen: `ems identity restore DATEI`.",
            "EEBUS rests, the contact rules. Delete nothing: `ems identity restore FILE`.",
        ),
    ),
    "E-CFG-001": (
        ("Neue Konfiguration fehlerhaft", "New configuration is broken"),
        (
            "Die letzte gute gilt weiter. `ems config check` nennt Zeile und Abhilfe.",
            "The last good one holds. `ems config check` names line and cure.",
        ),
    ),
    "E-DISK-002": (
        ("Zustand nicht schreibbar", "State cannot be written"),
        (
            "Limits gelten, überleben aber keinen Neustart. Speicher prüfen.",
            "Limits rule but survive no restart. Check the disk.",
        ),
    ),
    "E-STATE-001": (
        ("Zustandsdatei beschädigt", "State file damaged"),
        (
            "P_min gilt bis zum nächsten Signal. Datei liegt daneben; Speicher prüfen.",
            "P_min rules until the next signal. The file is set aside; check the disk.",
        ),
    ),
    "E-REC-004": (
        ("Nachweis beschädigt – neu begonnen", "Journal damaged – begun anew"),
        (
            "P_min gilt bis zum nächsten Signal. Alte Datei sichern, Speicher prüfen.",
            "P_min rules until the next signal. Keep the old file, check the disk.",
        ),
    ),
    "E-REC-005": (
        ("Nachweis nicht schreibbar", "Journal cannot be written"),
        (
            "Geregelt wird weiter, der Nachweis wartet. Freien Speicher schaffen.",
            "Control goes on, the records wait. Make room on the disk.",
        ),
    ),
    "E-INT-001": (
        ("Interner Fehler", "Internal error"),
        (
            "Dieser Teil startet von selbst neu. Bitte mit dem Protokoll melden.",
            "This part starts again by itself. Please report it with the log.",
        ),
    ),
    "E-LPC-002": (
        ("Vorgabe der Steuerbox abgelehnt", "Order of the control box refused"),
        (
            "Es gilt weiter, was galt. Messstellenbetreiber fragen, was sie sendet.",
            "What ruled before rules on. Ask the metering operator what it sends.",
        ),
    ),
    "E-TIME-001": (
        ("Uhrzeit nicht synchron", "Clock not synchronised"),
        (
            "Nachweise sind als unsicher markiert. NTP prüfen: `timedatectl`.",
            "Records are marked as uncertain. Check NTP: `timedatectl`.",
        ),
    ),
    "E-NET-001": (
        ("EEBUS-Netz gestört", "EEBUS network disturbed"),
        (
            "Port, mDNS oder Kopplung. Es wird weiter versucht: `ems doctor network`.",
            "Port, mDNS or pairing store. It is tried again: `ems doctor network`.",
        ),
    ),
}
