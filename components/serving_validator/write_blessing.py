"""Writes what the check said: the blessing's marker, properties and report.

{uri}/INFRA_BLESSED or {uri}/INFRA_NOT_BLESSED   empty, as TFX's InfraValidator has it
{uri}/load_report.json                           serving/server_check/report.py
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from serving.bundle.measurements import ServingMeasurements
from serving.server_check.report import measurements_of

REPORT_FILE = "load_report.json"


def write_blessing(blessing: Any, report: Mapping[str, Any]) -> None:
    """Fills an InfraBlessing.

    Args:
        blessing: The artifact; its folder exists.
        report: Of serving.server_check, or {"is_servable": False, "reason": …} of one
            that died.

    Raises:
        OSError: The report cannot be written.
        FormatError: A servable model's report lacks its measurements.
    """
    is_blessed = bool(report["is_servable"])
    marker = "INFRA_BLESSED" if is_blessed else "INFRA_NOT_BLESSED"
    (Path(blessing.uri) / marker).touch()
    (Path(blessing.uri) / REPORT_FILE).write_text(json.dumps(report, indent=1))
    blessing.set_int_custom_property("blessed", int(is_blessed))
    blessing.set_string_custom_property("reason", report["reason"])
    blessing.set_string_custom_property("server", report.get("server", ""))
    if is_blessed:
        measured = measurements_of(report)
        for name in ("load_s", "warmup_s", "latency_p50_ms", "latency_p99_ms"):
            blessing.set_float_custom_property(name, getattr(measured, name))
        blessing.set_int_custom_property("memory_bytes", measured.memory_bytes)


def read_measurements(blessing_uri: str) -> ServingMeasurements:
    """Returns what the check of a blessed model measured.

    Args:
        blessing_uri: Folder of the InfraBlessing.

    Raises:
        OSError: There is no report.
        FormatError: The report holds no measurements.
    """
    text = (Path(blessing_uri) / REPORT_FILE).read_text(encoding="utf-8")
    return measurements_of(json.loads(text))
