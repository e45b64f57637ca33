"""The Celery app. Messages are rings of a doorbell: acknowledged at once, worth nothing by themselves.

Late acknowledgement is off on purpose: on Redis a message is given out again after its visibility
timeout, so that a long task runs several times at once. The row's lease does that work, with a fence.
"""

from __future__ import annotations

from celery import Celery

from custos.settings import Settings
from evidence.jobs import Cost

RUN_JOB = "custos.run-job"
SWEEP = "custos.sweep"
#: Every worker takes sweeps, whatever else it takes.
SWEEPS = "custos.sweep"
SWEEP_SECONDS = 2.0


def queue_of(cost: Cost, staging: str | None = None) -> str:
    """The name of the queue for work of that cost, or for that which only one host can do."""
    return f"custos.{cost}" if staging is None else f"custos.{cost}.{staging}"


def broker_url(settings: Settings) -> str:
    """The broker's address in the form that Celery's transports know."""
    url = settings.broker.url or f"unix://{settings.run / 'valkey.sock'}"
    return url.replace("unix://", "redis+socket://", 1) if url.startswith("unix://") else url


def make_app(settings: Settings) -> Celery:
    """An app for this installation; the same configuration in server, worker and schedule."""
    app = Celery("custos", broker=broker_url(settings))
    app.conf.update(
        task_default_queue=queue_of(Cost.LIGHT),
        task_ignore_result=True,
        task_acks_late=False,
        task_serializer="json",
        accept_content=["json"],
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        broker_connection_retry_on_startup=True,
        # On Valkey a worker looks into its queues in their order: first what somebody waits for.
        broker_transport_options={
            "socket_timeout": 5,
            "socket_connect_timeout": 2,
            "queue_order_strategy": "priority",
        },
        beat_schedule_filename=str(settings.run / "beat-schedule"),
        beat_max_loop_interval=SWEEP_SECONDS,
        beat_schedule={
            "sweep": {
                "task": SWEEP,
                "schedule": SWEEP_SECONDS,
                # A sweep that nobody took is worth nothing once the next one is due.
                "options": {"expires": SWEEP_SECONDS, "queue": SWEEPS},
            }
        },
    )
    return app
