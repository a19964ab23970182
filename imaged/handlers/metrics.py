"""/metrics on the control service: what Prometheus and other scrapers ask for."""

from typing import Any

import prometheus_client

from imaged import ops
from imaged.httpd import traffic
from imaged.message import Request, Response


def routes(context: Any) -> list[tuple[str, object]]:
    return [("/metrics", Metrics(context))]


class Metrics:
    def __init__(self, context: Any):
        self._registry = traffic.registry()
        ops.TRAFFIC.register(self._registry)
        tickets = prometheus_client.Gauge("imaged_tickets", "Tickets that are remembered", registry=self._registry)
        tickets.set_function(lambda: len(context.tickets.all()))
        running = prometheus_client.Gauge("imaged_running", "Operations that run", registry=self._registry)
        running.set_function(lambda: sum(ticket.running_operations for ticket in context.tickets.all()))

    def get(self, request: Request) -> Response:
        return Response(200, {"Content-Type": traffic.CONTENT_TYPE}, traffic.rendered(self._registry))
