"""/metrics: what Prometheus and other scrapers ask for, with an administrator's token."""

from collections.abc import Iterator

import webob
from prometheus_client.core import GaugeMetricFamily

from appliance import errors
from appliance.admin import Admin, phases
from appliance.transfer import relay
from appliance.web import answers, problems, visitors
from imaged.httpd import traffic

PATH = "/metrics"


class Metrics:
    def __init__(self, admin: Admin):
        self._admin = admin
        self._registry = traffic.registry()
        relay.TRAFFIC.register(self._registry)
        self._registry.register(self)

    def answer(self, request: webob.Request) -> answers.Answer:
        """The answer to a request for PATH; errors are problems."""
        try:
            self._admit(request)
            headers = {"Content-Type": traffic.CONTENT_TYPE, "Cache-Control": "no-store"}
            return answers.Answer(200, traffic.rendered(self._registry), headers)
        except Exception as error:
            return problems.answer(error)

    def _admit(self, request: webob.Request) -> None:
        if request.method not in ("GET", "HEAD"):
            raise errors.MethodNotAllowed(method=request.method, allowed="GET, HEAD")
        user = visitors.identify(self._admin, request).user
        if user is None:
            raise errors.NotLoggedIn()
        if user.role != "admin":
            raise errors.Forbidden(role=user.role, action="see the metrics: that takes the role admin")

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The registry's protocol: what stands in the database is counted when somebody asks."""
        transfers = GaugeMetricFamily("appliance_transfers", "Transfers that are remembered", labels=["phase"])
        counts = self._admin.transfers.counts()
        for phase in phases.Phase:
            transfers.add_metric([phase], counts.get(phase, 0))
        yield transfers
        up = GaugeMetricFamily("appliance_host_up", "1 while the host answers, else 0", labels=["host"])
        for host in self._admin.hosts.all():
            up.add_metric([host.name], host.status == "up")
        yield up
        proxies = GaugeMetricFamily("appliance_proxy_up", "1 while the proxy answers, else 0", labels=["proxy"])
        for url, alive in self._admin.proxies.alive.items():
            proxies.add_metric([url], alive)
        yield proxies
