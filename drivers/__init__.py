"""Devices behind one port: wallboxes, heat pumps, batteries, meters."""
