"""SHIP 1.0.1 as sans-IO machines: bytes and time in, frames and events out.

For the shells of ``eebus.node``, which move the bytes. Entry point: ``connection.Connection``, one
per WebSocket, with its words in ``events``; ``identity`` knows certificates, ``discovery`` mDNS
records, ``trust`` whom the user trusts, ``double`` which of two connections lives, ``backoff`` when
to dial again.
"""
