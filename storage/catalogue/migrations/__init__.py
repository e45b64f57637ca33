"""Landed migrations are never edited."""
