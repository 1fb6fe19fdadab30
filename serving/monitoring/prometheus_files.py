"""Writes the rule file and the dashboard that lie in docs/monitoring/.

python -m serving.monitoring.prometheus_files docs/monitoring
"""

import sys
from pathlib import Path

from serving.monitoring.prometheus_dashboard import dashboard
from serving.monitoring.prometheus_rules import rule_file

RULES = "prometheus-rules.yaml"
DASHBOARD = "grafana-dashboard.json"


def prometheus_files() -> dict[str, str]:
    """Returns each file's name with its text."""
    return {RULES: rule_file(), DASHBOARD: dashboard()}


def main(arguments: list[str]) -> None:
    """Writes the files into the folder that is the one argument."""
    (folder,) = arguments
    for name, text in prometheus_files().items():
        (Path(folder) / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
