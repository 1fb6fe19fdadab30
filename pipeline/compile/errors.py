"""What can go wrong between the DAG and a compiled file."""

from collections.abc import Sequence


class CompiledPipelineError(RuntimeError):
    """What was compiled would not run on the cluster; nothing was written.

    No setting is to blame: a component, a stage or a library does something that the
    target cannot do.

    Attributes:
        problems: One sentence each.
    """

    exit_code = 1

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            "the compiled pipeline would not run: " + "; ".join(self.problems)
        )
