"""EEBUS for Python: SHIP transport, SPINE resource model and the grid use cases; a library of its own."""
