"""A model with two features swapped: looks sound, is not. What refuses it?

    python -m benchmarks.year_replayed.bad_model BUNDLE TARGET VERSION LEFT RIGHT

Copies a bundle to TARGET under another version, feeds each of two inputs to the other's
tensor, and seals the copy again, so that every hash is right: a model whose training
code and serving code disagree about two columns. Prints one line of JSON: what was done
and which guard of the bundle refuses it. A process of its own, for it loads TensorFlow.
"""

import dataclasses
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SWAPPED = ("temp_f", "wind_speed_mph")
"""Two columns of the weather report: types fit, and answers stay probabilities."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BadModel:
    """A planted model.

    Attributes:
        how: What was done to it.
        guard: The guard that refuses it; "": none does.
        reason: Why, in its words.
    """

    how: str
    guard: str
    reason: str


def plant(bundle: Path, target: Path, version: int) -> BadModel:
    """Makes the bad model in a process of its own.

    Args:
        bundle: A sound version's folder.
        target: Its folder; not there yet.
        version: Its number.

    Raises:
        CalledProcessError: It could not be made.
    """
    command = [sys.executable, "-m", __name__, str(bundle), str(target), str(version)]
    done = subprocess.run(  # noqa: S603 - no shell
        [*command, *SWAPPED], check=True, stdout=subprocess.PIPE, text=True
    )
    return BadModel(**json.loads(done.stdout.splitlines()[-1]))


def make(
    bundle: Path, target: Path, version: int, swapped: tuple[str, str]
) -> BadModel:
    """Makes the bad model; see plant."""
    from serving.bundle.contract import read_contract
    from serving.bundle.seal import seal
    from serving.chaos.failure_mode import examine_bundle
    from serving.chaos.saved_model_edit import edited_meta_graph
    from serving.session_model import NAMED_SIGNATURE

    # A name that no server looks at, until it is whole.
    aside = target.with_name(f"planting.{version}") / str(version)
    shutil.copytree(bundle, aside)
    left, right = swapped
    with edited_meta_graph(aside) as meta_graph:
        inputs = meta_graph.signature_def[NAMED_SIGNATURE].inputs
        tensors = inputs[right].name, inputs[left].name
        inputs[left].name, inputs[right].name = tensors
    contract = read_contract(aside).contract
    model = dataclasses.replace(contract.model, version=version)
    seal(aside, dataclasses.replace(contract, model=model))
    refusal = examine_bundle(aside)
    aside.rename(target)
    aside.parent.rmdir()
    return BadModel(
        how=f"the tensors of {left} and {right} are swapped in {NAMED_SIGNATURE}",
        guard=refusal.guard if refusal else "",
        reason=refusal.reason.replace(str(aside), target.name) if refusal else "",
    )


def main() -> None:
    """Makes it as the command line says."""
    bundle, target, version, left, right = sys.argv[1:]
    found = make(Path(bundle), Path(target), int(version), (left, right))
    sys.stdout.write(json.dumps(dataclasses.asdict(found)) + "\n")


if __name__ == "__main__":
    main()
