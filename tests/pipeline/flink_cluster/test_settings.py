import socket

import yaml

from pipeline.flink_cluster.settings import (
    ClusterPlan,
    Ports,
    heap_options,
    write_settings,
)

PORTS = Ports(rest=1, rpc=2, blob=3, pool=4, zookeeper=5)


def test_each_task_manager_finds_its_own_pool_under_the_same_name(tmp_path):
    write_settings(tmp_path, ClusterPlan(), PORTS)
    for index, address in ((0, "127.0.0.2"), (1, "127.0.0.3")):
        lines = (tmp_path / "conf" / f"hosts-{index}").read_text().splitlines()
        assert lines == [
            f"127.0.0.1 localhost {socket.gethostname()}",
            f"{address} beam-worker-pool",
        ]


def test_flink_is_told_where_everything_is(tmp_path):
    write_settings(tmp_path, ClusterPlan(slots=2, managed_mb=300), PORTS)
    settings = yaml.safe_load((tmp_path / "conf" / "config.yaml").read_text())
    assert settings["rest.port"] == 1
    assert settings["jobmanager.rpc.port"] == 2
    assert settings["parallelism.default"] == 4
    assert settings["taskmanager.memory.managed.size"] == "300m"
    # Nobody outside this machine may reach it.
    for name in ("jobmanager", "taskmanager"):
        assert settings[f"{name}.bind-host"] == "127.0.0.1"
    assert settings["rest.bind-address"] == "127.0.0.1"
    assert not any(name.startswith("high-availability") for name in settings)


def test_high_availability_keeps_state_in_zookeeper_and_a_folder(tmp_path):
    write_settings(tmp_path, ClusterPlan(has_ha=True), PORTS)
    settings = yaml.safe_load((tmp_path / "conf" / "config.yaml").read_text())
    assert settings["high-availability.type"] == "zookeeper"
    assert settings["high-availability.zookeeper.quorum"] == "127.0.0.1:5"
    assert settings["high-availability.storageDir"] == f"file://{tmp_path}/ha"
    assert "clientPort=5" in (tmp_path / "conf" / "zoo.cfg").read_text()


def test_a_task_managers_direct_memory_is_what_the_settings_add_up_to(tmp_path):
    plan = ClusterPlan(heap_mb=700)
    write_settings(tmp_path, plan, PORTS)
    settings = yaml.safe_load((tmp_path / "conf" / "config.yaml").read_text())
    direct = sum(
        int(settings[f"taskmanager.memory.{name}"].removesuffix("m"))
        for name in ("framework.off-heap.size", "task.off-heap.size", "network.max")
    )
    options = heap_options(plan, "taskmanager")
    assert f"-XX:MaxDirectMemorySize={direct}m" in options
    assert "-Xmx828m" in options  # 700 for tasks and 128 for Flink itself
