"""How recordings come in: upload sessions, acceptance, commit, receipts, read-back."""
