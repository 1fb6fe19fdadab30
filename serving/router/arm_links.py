"""The connections to every arm; an arm that gets no requests keeps them warm."""

from dataclasses import dataclass

from serving.router.grpc_upstream import GrpcUpstream
from serving.router.routing import ArmPlace
from serving.router.upstream import Upstream, UpstreamOptions

_KEPT = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmLink:
    """One server.

    Attributes:
        rest: Its REST side.
        grpc: Its gRPC side; None: it has none.
    """

    rest: Upstream
    grpc: GrpcUpstream | None


class ArmLinks:
    """Connections by address: a change of shares closes none."""

    def __init__(self, options: UpstreamOptions) -> None:
        """Connects to nobody yet."""
        self._options = options
        self._links: dict[tuple[str, str | None], ArmLink] = {}

    def of(self, arm: ArmPlace) -> ArmLink:
        """Returns the link to an arm.

        Raises:
            ValueError: Its address is none.
        """
        address = (arm.url, arm.grpc)
        found = self._links.get(address)
        if found is None:
            found = self._links[address] = ArmLink(
                rest=Upstream(arm.url, self._options),
                grpc=GrpcUpstream(arm.grpc, self._options) if arm.grpc else None,
            )
        return found

    async def forget(self, arms: tuple[ArmPlace, ...]) -> None:
        """Closes the oldest links beyond a few that none of these arms uses."""
        used = {(arm.url, arm.grpc) for arm in arms}
        for address in [one for one in self._links if one not in used][:-_KEPT]:
            await _close(self._links.pop(address))

    async def close(self) -> None:
        """Closes all of them."""
        while self._links:
            await _close(self._links.popitem()[1])


async def _close(link: ArmLink) -> None:
    link.rest.close()
    if link.grpc is not None:
        await link.grpc.close()
