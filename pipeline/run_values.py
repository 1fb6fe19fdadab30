"""What differs from run to run of one DAG, and where it goes in the compiled DAG.

The compiled DAG is kept and used again by later runs, so it holds slots in place of
the run's own values. A node's cache key sees the slots, never the values: a new run id
alone reruns nothing.
"""

import dataclasses
import json
from dataclasses import dataclass

from serving.bundle.contract import CodeRevision

RUN_ID_SLOT = "{run_id}"
CODE_SLOT = "{code}"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunValues:
    """The values of one run.

    Attributes:
        run_id: The run's id.
        code: The sources the run is made of.
    """

    run_id: str
    code: CodeRevision

    def fill(self, text: str) -> str:
        """Returns the value of a slot; any other text as it is."""
        if text == RUN_ID_SLOT:
            return self.run_id
        if text == CODE_SLOT:
            return json.dumps(dataclasses.asdict(self.code))
        return text
