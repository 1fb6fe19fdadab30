"""The light side of a run stays light, and knows the sources before it forks."""

import subprocess
import sys

import pytest

from pipeline import run_pipeline
from pipeline.source_digest import SourceSnapshot


@pytest.mark.parametrize(
    "modules",
    ["pipeline.cli", "pipeline.run_pipeline", "pipeline.terminal", "pipeline.garbage"],
)
def test_light_modules_import_nothing_heavy(modules):
    check = (
        f"import sys, {modules}; "
        "heavy = {'tensorflow', 'tfx.orchestration', 'apache_beam', 'pandas'}; "
        "found = heavy & set(sys.modules); sys.exit(str(found) if found else 0)"
    )
    subprocess.run([sys.executable, "-c", check], check=True)


def test_sources_are_read_before_the_process_that_imports_them_starts(
    project, monkeypatch
):
    """Else an edit meanwhile would run the old code under the new code's key."""

    class SeenEnoughError(Exception):
        pass

    class Processes:
        def __init__(self, _start_log):
            self.sources = seen[0]

        def start_server(self):
            assert "components/quality_gate/verdict.py" in self.sources._digests_by_name
            raise SeenEnoughError

    seen = []

    class Snapshot(SourceSnapshot):
        def __init__(self, imports_file):
            super().__init__(imports_file)
            seen.append(self)
            self._digests_by_name = {}

        def digests(self, modules):
            found = super().digests(modules)
            self._digests_by_name |= found
            return found

    monkeypatch.setattr(run_pipeline, "SourceSnapshot", Snapshot)
    monkeypatch.setattr(run_pipeline, "NodeProcesses", Processes)
    with pytest.raises(SeenEnoughError):
        run_pipeline.run_pipeline(project.folder / "pipeline.yaml", {}, listener=None)
