"""Makes a bundle of a copied SavedModel: adds its papers, seals it, checks it."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from components.model_pusher.describe_model import Origin, describe_model
from serving.bundle import layout
from serving.bundle.seal import seal
from serving.bundle.verify import require_ok


@dataclass(frozen=True, kw_only=True, slots=True)
class Papers:
    """Where the files that make a SavedModel a bundle lie.

    Attributes:
        golden_rows: Folder with assets.extra/, from GoldenBatchGen.
        statistics: TFDV's statistics of the training split, a binary proto.
    """

    golden_rows: Path
    statistics: Path


def assemble(folder: Path, version: int, papers: Papers, origin: Origin) -> None:
    """Adds assets.extra/, writes the contract over everything and verifies it.

    Args:
        folder: A copy of the SavedModel that nobody serves yet.
        version: The version it will be.
        papers: What to add.
        origin: What the run knows of the model.

    Raises:
        BundleRefusedError: The bundle fails a check of its own; nothing may publish it.
        ModelRefusedError: The model cannot be loaded.
    """
    # A model's own warm-up requests or notes would not be in the contract's list.
    shutil.rmtree(folder / layout.EXTRA, ignore_errors=True)
    shutil.copytree(papers.golden_rows / layout.EXTRA, folder / layout.EXTRA)
    shutil.copyfile(papers.statistics, folder / layout.STATISTICS)
    seal(folder, describe_model(folder, version, origin))
    require_ok(folder)
