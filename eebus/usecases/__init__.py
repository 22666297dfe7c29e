"""Use cases as declarations plus a server or client; ``build`` makes a device of them."""
