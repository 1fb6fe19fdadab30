"""Whether and where metrics are shown: TF Serving's MonitoringConfig.

    prometheus_config { enable: true path: "/monitoring/prometheus/metrics" }

Source: tensorflow_serving/config/monitoring_config.proto; util/prometheus_exporter.cc
for the default path.
"""

from pathlib import Path

from serving.server.config_messages import new_message, read_text_message
from serving.server.status import Code, ServingError

DEFAULT_PATH = "/monitoring/prometheus/metrics"


def read_metrics_path(path: Path | None) -> str | None:
    """Returns the URL path of the metrics; None: they are not shown.

    Args:
        path: Of the configuration file; None: there is none.

    Raises:
        ServingError: INVALID_ARGUMENT: it cannot be used.
    """
    if path is None:
        return None
    config = read_text_message(path, new_message("MonitoringConfig")).prometheus_config
    if not config.enable:
        return None
    if config.path and not config.path.startswith("/"):
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"prometheus_config.path is {config.path!r}; expected a path from '/'.",
        )
    return config.path or DEFAULT_PATH
