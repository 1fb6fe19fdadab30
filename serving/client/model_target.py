"""Which model, and which version of it, a client talks to."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelTarget:
    """One model.

    Attributes:
        name: As the server has it.
        version: None: the label's, or the newest that serves.
        label: Such as "stable"; None: no label.
    """

    name: str
    version: int | None
    label: str | None

    def __post_init__(self) -> None:
        """Checks that one version is meant.

        Raises:
            ValueError: There is no name, or both version and label are given.
        """
        if not self.name:
            raise ValueError("the model has no name.")
        if self.version is not None and self.label is not None:
            raise ValueError(
                f"version {self.version} and label {self.label!r} are both given; "
                "expected one of them at most."
            )
