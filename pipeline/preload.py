"""Imports what almost every node needs, once, in the process they are forked from.

The libraries import more than they use here. What no node needs is put off: importing
it is what a person would wait for before the first node starts. Nothing is lost by it:

    LATER     is run when somebody asks for what it defines (pipeline/put_off.py)
    LEFT_OUT  looks not installed, to libraries that provide for that, while they are
              imported; whoever imports it afterwards gets it. Without it until the
              process ends: TFDV's display in a notebook, NLTK's transition parser

Beam asks with each step whether this is a notebook; IPython is put off in every node,
with that answer known.
"""

import gc
import importlib
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

from pipeline.put_off import PutOff
from serving.collector_pause import collector_paused
from serving.left_out import LeftOut, asked_first

MODULES = (
    "tensorflow_data_validation",
    "tensorflow_model_analysis",
    "tensorflow_transform.beam",
    "tfx.dsl.compiler.compiler",
    "tfx.orchestration.local.runner_utils",
    "tfx.orchestration.portable.launcher",
)
_INFRA = "tfx.components.infra_validator"
LATER = frozenset(
    (
        # InfraValidator's: Kubernetes, Docker and the stubs of TF Serving.
        f"{_INFRA}.model_server_clients.tensorflow_serving_client",
        f"{_INFRA}.model_server_runners.kubernetes_runner",
        f"{_INFRA}.model_server_runners.local_docker_runner",
        # Beam's sources and sinks in Google's cloud, and its Dataflow runner.
        "google.cloud.bigquery",
        "google.cloud.dataflow",
        "google.cloud.pubsub",
        # Keras models dressed as scikit-learn estimators; a base class each.
        "keras._tf_keras.keras.wrappers",
        "keras.wrappers",
        # Keras's galleries of pictures.
        "matplotlib.pyplot",
    )
)
# Objects made, less those freed, before the collector looks at the young ones.
_GARBAGE_THRESHOLD = 50_000
LEFT_OUT = frozenset(("IPython", "ipywidgets", "sklearn"))


def preload() -> None:
    """Imports MODULES and what they import, but for LATER and LEFT_OUT.

    Raises:
        ImportError: One of them cannot be imported.
    """
    with collector_paused(), asked_first(_Finder()):
        for name in MODULES:
            importlib.import_module(name)
    sys.meta_path.insert(0, _NoNotebook())
    # The collector of a fork would write to, and so copy, every page it shares.
    gc.collect()
    gc.freeze()
    # A node traces graphs of some 100,000 objects that live as long as it does.
    gc.set_threshold(_GARBAGE_THRESHOLD, 20, 20)


class _NoNotebook(MetaPathFinder):
    """Finds IPython where it is; that no notebook runs is known without running it."""

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Returns a specification for IPython, None for everything else."""
        if name != "IPython":
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = PutOff(spec.loader, known={"get_ipython": lambda: None})
        return spec


class _Finder(MetaPathFinder):
    """Finds every module where it is, some of them with another loader."""

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Returns a specification for what is put off, None for everything else."""
        if name not in LATER and name not in LEFT_OUT:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = (
                LeftOut("while nodes preload")
                if name in LEFT_OUT
                else PutOff(spec.loader)
            )
        return spec
