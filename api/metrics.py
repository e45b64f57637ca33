"""Counters for whoever watches the server. Aggregates only: nothing here names a person or an item."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """One registry per application."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "custos_requests", "Requests by route and status.", ["route", "status"], registry=self._registry
        )
        self.seconds = Histogram(
            "custos_request_seconds", "Duration of requests by route.", ["route"], registry=self._registry
        )
        self.received = Counter(
            "custos_received_bytes", "Bytes acknowledged as durable.", registry=self._registry
        )
        self.sent = Counter(
            "custos_sent_bytes", "Bytes of evidence that the kernel accepted.", registry=self._registry
        )
        self.alarms = Gauge("custos_alarms", "Alarms that stand.", ["kind"], registry=self._registry)
        self.fixity = Gauge(
            "custos_fixity_items",
            "Items by how their audits stand: due, failing.",
            ["state"],
            registry=self._registry,
        )

    def render(self) -> bytes:
        """The Prometheus text format."""
        return generate_latest(self._registry)
