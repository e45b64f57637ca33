"""Counters for whoever watches the server. Aggregates only: nothing here names a person or an item.

Where several server processes share a port, any of them is asked: what each counts lies in files that all
read, and the sums outlive a process.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from custos.listening import METRICS_DIRECTORY


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

    def render(self, alarms: Mapping[str, int], fixity: Mapping[str, int]) -> bytes:
        """The Prometheus text format; alarms that stand by their kind, items by how their audits stand."""
        counted = self._registry
        if METRICS_DIRECTORY in os.environ:
            counted = CollectorRegistry()
            MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
        standing = CollectorRegistry()
        standing.register(_Standing("custos_alarms", "Alarms that stand.", "kind", alarms))
        standing.register(
            _Standing(
                "custos_fixity_items", "Items by how their audits stand: due, failing.", "state", fixity
            )
        )
        return generate_latest(counted) + generate_latest(standing)


class _Standing(Collector):
    """What the catalogue says at this moment, the same whoever asks it."""

    def __init__(self, name: str, words: str, label: str, values: Mapping[str, int]) -> None:
        self._family = GaugeMetricFamily(name, words, labels=[label])
        for value, count in values.items():
            self._family.add_metric([value], count)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The one family."""
        yield self._family
