"""The steps in which a version takes over: loaded first, named by a label later.

    1-load      the new version beside the old one; both labels stay where they are
    2-canary    label canary names the new version
    3-stable    label stable as well; the old one stays loaded, to go back to

TF Serving sets the labels of a configuration before it loads that configuration's
versions. A label that is in use and moves to a version that is not AVAILABLE makes it
refuse the whole configuration, so that the version is never loaded either: one step
cannot do both. The first configuration a server reads when it starts is another case.
No label is in use then, and with --allow_version_labels_for_unavailable_models it may
name versions that are still to be loaded; the server opens its ports after that. So a
first release is one step, and a server that restarts in the middle of a release comes
up with the labels it had.

Going back is step 1-load again: the old version is loaded until the next release.

Source: tensorflow_serving/model_servers/server_core.cc, ReloadConfig and
UpdateModelVersionLabelMap; server.cc for the order of loading and listening.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from serving.deploy.errors import DeployError

STABLE, CANARY = "stable", "canary"
LOAD = "1-load"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One configuration of a server.

    Attributes:
        name: Its folder.
        versions: Loaded, in rising order.
        labels: Label to version.
        purpose: One sentence.
    """

    name: str
    versions: tuple[int, ...]
    labels: Mapping[str, int]
    purpose: str


def release_steps(version: int, from_version: int | None) -> tuple[Step, ...]:
    """Returns the steps in order.

    Args:
        version: The one to serve.
        from_version: The one label stable names now; None: nothing is served yet.

    Raises:
        DeployError: Both are the same, or from_version is less than 1.
    """
    if from_version is None:
        return (
            Step(
                name=LOAD,
                versions=(version,),
                labels={STABLE: version, CANARY: version},
                purpose=f"First release: loads {version}, then listens.",
            ),
        )
    if from_version < 1 or from_version == version:
        raise DeployError(
            f"--from-version is {from_version}, and version {version} is to be "
            "deployed; expected the version that label stable names now. Leave it out "
            "if nothing is served yet."
        )
    both = (min(version, from_version), max(version, from_version))
    return (
        Step(
            name=LOAD,
            versions=both,
            labels={STABLE: from_version, CANARY: from_version},
            purpose=f"Loads {version} beside {from_version}; also the way back.",
        ),
        Step(
            name="2-canary",
            versions=both,
            labels={STABLE: from_version, CANARY: version},
            purpose=f"Label canary names {version}.",
        ),
        Step(
            name="3-stable",
            versions=both,
            labels={STABLE: version, CANARY: version},
            purpose=f"Label stable names {version}; {from_version} stays loaded.",
        ),
    )
