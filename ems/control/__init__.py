"""The decision, pure: events in, commands out."""
