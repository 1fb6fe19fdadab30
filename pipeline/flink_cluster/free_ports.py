"""Ports that nobody listens at."""

import socket
from collections.abc import Iterable

from pipeline.flink_cluster.settings import ClusterPlan, Ports, pool_address


def choose_ports(plan: ClusterPlan) -> Ports:
    """Returns ports that were free a moment ago."""
    pools = [pool_address(index) for index in range(plan.num_task_managers)]
    rest = plan.rest_port or _free_port(["127.0.0.1"])
    rpc, blob, zookeeper = (_free_port(["127.0.0.1"]) for _ in range(3))
    pool = _free_port(pools)
    return Ports(rest=rest, rpc=rpc, blob=blob, pool=pool, zookeeper=zookeeper)


def _free_port(addresses: Iterable[str]) -> int:
    """Returns one that is free at every address."""
    first, *others = addresses
    while True:
        held: list[socket.socket] = []
        try:
            held.append(_bound(first, 0))
            port: int = held[0].getsockname()[1]
            for address in others:
                held.append(_bound(address, port))  # noqa: PERF401 - closed on failure
        except OSError:
            continue
        else:
            return port
        finally:
            for each in held:
                each.close()


def _bound(address: str, port: int) -> socket.socket:
    bound = socket.socket()
    try:
        bound.bind((address, port))
    except OSError:
        bound.close()
        raise
    return bound
