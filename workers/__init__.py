"""Celery only: the app, the tasks, the doorbell and the schedule."""
