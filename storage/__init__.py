"""Where things are kept: `storage.objects` for bytes, `storage.catalogue` for rows."""
