"""The asyncio shell of the stack: TLS, WebSocket, mDNS, listener, dialler, trust store on disk."""
