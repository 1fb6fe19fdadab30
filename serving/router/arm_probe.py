"""Asks every arm now and then whether its model serves, which also keeps it warm."""

import asyncio
import json
import time
from urllib.parse import quote

from serving.router.arm_links import ArmLinks
from serving.router.http_message import ProxyRequest
from serving.router.live_routing import LiveRouting
from serving.router.rest_prediction import OK
from serving.router.router_options import RouterOptions
from serving.router.routing import ArmPlace
from serving.router.upstream_connection import UpstreamError


class ArmProbe:
    """The last probes.

    Attributes:
        is_up: Arm name to whether a version of the model was available.
    """

    def __init__(
        self, live: LiveRouting, links: ArmLinks, options: RouterOptions
    ) -> None:
        """Asks nobody yet."""
        self.is_up: dict[str, bool] = {}
        self._live = live
        self._links = links
        self._options = options
        path = f"/v1/models/{quote(options.model, safe='')}"
        self._path = path.encode()

    async def keep_asking(self) -> None:
        """Asks until it is cancelled."""
        while True:
            await self.ask()
            await asyncio.sleep(self._options.probe_s)

    async def ask(self) -> None:
        """Asks every arm once."""
        arms = self._live.current.arms
        found = await asyncio.gather(*(self._is_up(arm) for arm in arms))
        self.is_up = {arm.name: up for arm, up in zip(arms, found, strict=True)}
        await self._links.forget(arms)

    async def _is_up(self, arm: ArmPlace) -> bool:
        path = self._path
        if arm.version is not None:
            path = b"%b/versions/%d" % (path, arm.version)
        request = ProxyRequest(
            method=b"GET",
            path=path,
            headers=[],
            body=b"",
            keeps_alive=True,
            is_http_1_0=False,
            started_s=time.perf_counter(),
        )
        try:
            answer = await self._links.of(arm).rest.ask(
                request, [], self._options.probe_s
            )
            states = json.loads(answer.body).get("model_version_status", [])
        except (UpstreamError, ValueError, AttributeError):
            return False
        is_served = any(state.get("state") == "AVAILABLE" for state in states)
        return answer.status == OK and is_served
