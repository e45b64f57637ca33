"""The offline checker: written from docs/formats, shares no code with the server."""
