"""The Celery app. Messages are rings of a doorbell: acknowledged at once, worth nothing by themselves.

Late acknowledgement is off on purpose: on Redis a message is given out again after its visibility
timeout, so that a long task runs several times at once. The row's lease does that work, with a fence.

No message says when it expires: a worker whose clock is ahead would throw it away.
"""

from __future__ import annotations

import ssl
from typing import Any
from urllib.parse import urlsplit

from celery import Celery

from custos.broker_place import broker_of, trusted_of
from custos.settings import Settings
from evidence.jobs import Cost

RUN_JOB = "custos.run-job"
SWEEP = "custos.sweep"
#: Every worker takes sweeps, whatever else it takes.
SWEEPS = "custos.sweep"
SWEEP_SECONDS = 2.0
_ANSWER_SECONDS = 5.0
_CONNECT_SECONDS = 2.0


def queue_of(cost: Cost, staging: str | None = None) -> str:
    """The name of the queue for work of that cost, or for that which only one host can do."""
    return f"custos.{cost}" if staging is None else f"custos.{cost}.{staging}"


def broker_url(settings: Settings) -> str:
    """The broker's address in the form that Celery's transports know. Raises what `broker_of` does."""
    url = broker_of(settings)
    return url.replace("unix://", "redis+socket://", 1) if url.startswith("unix://") else url


def make_app(settings: Settings) -> Celery:
    """An app for this installation; the same configuration in server, worker and schedule.

    Raises Invalid: "bad-password-file", "bad-broker-url", "broker-trust-missing".
    """
    url = broker_url(settings)
    app = Celery("custos", broker=url)
    app.conf.update(
        task_default_queue=queue_of(Cost.LIGHT),
        task_queues={
            name: {"exchange": "custos", "exchange_type": "direct", "routing_key": name}
            for name in (SWEEPS, *map(queue_of, Cost))
        },
        task_ignore_result=True,
        task_acks_late=False,
        task_serializer="json",
        # What is worth nothing after a restart is not written to RabbitMQ's disk.
        task_default_delivery_mode="transient",
        accept_content=["json"],
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        # After a lost connection Celery would restore it bit by bit, from the threads that take up jobs, and
        # several of them would read one connection to RabbitMQ.
        worker_enable_prefetch_count_reduction=False,
        # Ends no work: it speaks of messages that are acknowledged late. Without it Celery says at every lost
        # connection that it will be the default one day.
        worker_cancel_long_running_tasks_on_connection_loss=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        # RabbitMQ closes the channel of a worker that leaves a ring unanswered for half an hour, as one does
        # that has nobody free for as long. Celery would end with it, and the work too.
        broker_channel_error_retry=True,
        broker_connection_timeout=_CONNECT_SECONDS,
        broker_transport_options=_transport_options(url),
        broker_use_ssl=_tls(settings, url),
    )
    return app


def _transport_options(url: str) -> dict[str, Any]:
    """How long to wait for a broker that does not answer, in the words of its transport."""
    if url.startswith("amqp"):
        return {"write_timeout": _ANSWER_SECONDS}
    return {
        "socket_timeout": _ANSWER_SECONDS,
        "socket_connect_timeout": _CONNECT_SECONDS,
        # On Valkey a worker looks into its queues in their order: first what somebody waits for.
        "queue_order_strategy": "priority",
    }


def _tls(settings: Settings, url: str) -> dict[str, Any] | None:
    """Whom to believe that it is the broker: by default the transports would believe anybody."""
    trusted = trusted_of(settings)
    authorities = None if trusted is None else str(trusted)
    if url.startswith("amqps://"):
        return {
            "cert_reqs": ssl.CERT_REQUIRED,
            "ca_certs": authorities,
            "server_hostname": urlsplit(url).hostname,
        }
    if url.startswith("rediss://"):
        return {
            "ssl_cert_reqs": ssl.CERT_REQUIRED,
            "ssl_ca_certs": authorities,
            "ssl_check_hostname": True,
        }
    return None
