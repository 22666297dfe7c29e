"""SHIP 1.0.1 as sans-IO machines: bytes and time in, frames and events out."""
