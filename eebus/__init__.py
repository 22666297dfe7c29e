"""EEBUS for Python: SHIP transport, SPINE resource model, grid use cases; a library of its own."""
