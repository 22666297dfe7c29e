"""Use cases as declarations plus a server or client; ALL lists them."""
