"""What SHIP and SPINE share on the wire: EEBUS JSON, scaled numbers, durations, open enums."""
