"""Modbus TCP devices declared as maps."""
