"""Where things lie in a bundle, and which files may lie there at all.

A bundle comes from somewhere else, perhaps from someone else. Nothing in it may be run
by being loaded: TensorFlow reads graphs and tensors, this package reads JSON and
protobuf, and every file that is none of these is refused even if its hash is right.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from serving.bundle.errors import BundleRefusedError

EXTRA = "assets.extra"
CONTRACT = f"{EXTRA}/contract.json"
GOLDEN_BATCH = f"{EXTRA}/golden_batch.json"
SCHEMA = f"{EXTRA}/schema.pbtxt"
STATISTICS = f"{EXTRA}/training_statistics.pb"
WARMUP = f"{EXTRA}/tf_serving_warmup_requests"
SAVED_MODEL = "saved_model.pb"

# What every bundle must have beside the SavedModel.
REQUIRED = (SAVED_MODEL, CONTRACT, GOLDEN_BATCH, SCHEMA, STATISTICS, WARMUP)

_GUARD = "files"
_KNOWN = re.compile(
    r"saved_model\.pb|fingerprint\.pb|variables/variables\.index"
    r"|variables/variables\.data-\d{5}-of-\d{5}"
    r"|assets/.+"
    r"|assets\.extra/(contract\.json|golden_batch\.json|schema\.pbtxt"
    r"|training_statistics\.pb|tf_serving_warmup_requests)"
)
# Names under which code or pickles travel; no vocabulary is called so.
_CODE_SUFFIXES = frozenset(
    [
        ".bat",
        ".class",
        ".dill",
        ".dll",
        ".dylib",
        ".exe",
        ".h5",
        ".jar",
        ".joblib",
        ".js",
        ".keras",
        ".pickle",
        ".pkl",
        ".ps1",
        ".pt",
        ".pth",
        ".py",
        ".pyc",
        ".pyd",
        ".pyo",
        ".sh",
        ".so",
        ".whl",
        ".zip",
    ]
)
# First bytes of pickles (protocol 2 to 5), programs (ELF, Windows, Mach-O), ZIP (Keras,
# PyTorch, wheels), HDF5 and scripts.
_CODE_MAGIC = re.compile(
    rb"\x80[\x02-\x05]|\x7fELF|MZ|\xcf\xfa\xed\xfe|\xca\xfe\xba\xbe|PK\x03\x04"
    rb"|\x89HDF|#!"
)
_MAGIC_BYTES = 8
# Contract, golden batch and schema of thousands of features take a few MiB.
_MAX_DOCUMENT_BYTES = 1 << 26
_MAX_LEVELS = 16
_CHUNK_BYTES = 1 << 20


def list_files(bundle: Path) -> dict[str, Path]:
    """Returns every file below a folder by its relative POSIX path, sorted.

    Raises:
        BundleRefusedError: There is a link, a device or a socket: what it stands for
            may lie outside or change after the check. A name is no UTF-8, or folders
            are nested too deeply.
    """
    found = {}
    for path in _walk(bundle):
        relative = path.relative_to(bundle).as_posix()
        if not _is_unicode(relative):
            raise BundleRefusedError(
                _GUARD, f"the name {relative!r} is no UTF-8; rename it or remove it."
            )
        if path.is_symlink() or not path.is_file():
            kind = "a link" if path.is_symlink() else "no regular file"
            raise BundleRefusedError(
                _GUARD, f"{relative!r} is {kind}; a bundle holds regular files only."
            )
        found[relative] = path
    return dict(sorted(found.items()))


def _walk(folder: Path, level: int = 0) -> Iterator[Path]:
    if level > _MAX_LEVELS:
        raise BundleRefusedError(
            _GUARD, f"its folders are nested more than {_MAX_LEVELS} deep."
        )
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path), level + 1)
            else:
                yield Path(entry.path)


def _is_unicode(name: str) -> bool:
    """Tells whether a name came from UTF-8: Python writes other bytes as surrogates."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def read_document(bundle: Path, relative: str) -> bytes:
    """Returns the bytes of one of the documents in `assets.extra/`.

    Raises:
        BundleRefusedError: It is too large to be one.
    """
    path = bundle / relative
    size = path.stat().st_size
    if size > _MAX_DOCUMENT_BYTES:
        raise BundleRefusedError(
            _GUARD,
            f"{relative} has {size:,} bytes; expected at most {_MAX_DOCUMENT_BYTES:,}.",
        )
    return path.read_bytes()


def check_path(relative: str) -> None:
    """Refuses a path that leaves the bundle or that is not written plainly.

    Args:
        relative: A path as a contract names it: relative, "/" between its parts.

    Raises:
        BundleRefusedError: It is absolute, holds "..", a backslash or a control
            character, or could be written shorter.
    """
    path = PurePosixPath(relative)
    is_plain = relative == path.as_posix() and relative not in ("", ".")
    if (
        not is_plain
        or path.is_absolute()
        or ".." in path.parts
        or "\\" in relative
        or not relative.isprintable()
    ):
        raise BundleRefusedError(
            _GUARD,
            f"the contract names the path {relative!r}, which leaves the bundle.",
        )


def check_kind(relative: str, path: Path) -> None:
    """Refuses a file that has no place in a bundle or could run when it is loaded.

    Raises:
        BundleRefusedError: Guard "no_code".
    """
    suffixes = {suffix.lower() for suffix in PurePosixPath(relative).suffixes}
    with path.open("rb") as file:
        start = file.read(_MAGIC_BYTES)
    if suffixes & _CODE_SUFFIXES or _CODE_MAGIC.match(start):
        raise BundleRefusedError(
            "no_code",
            f"{relative!r} could run code when it is loaded; a bundle holds graphs, "
            "tensors, vocabularies and JSON only. Remove it and push the model again.",
        )
    if not _KNOWN.fullmatch(relative):
        raise BundleRefusedError(
            "no_code",
            f"{relative!r} has no place in a bundle, and nothing here would read it. "
            "Files of a model's own belong in assets/.",
        )


def sha256_of(path: Path) -> str:
    """Returns the SHA-256 of a file's bytes, 64 lower-case hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def model_digest(model_dir: Path) -> str:
    """Returns the SHA-256 over names and contents of what TF Serving reads.

    `assets.extra/` is left out: the same model pushed twice has the same digest.
    """
    digest = hashlib.sha256()
    for relative, path in list_files(model_dir).items():
        if not relative.startswith(f"{EXTRA}/"):
            digest.update(f"{relative}\n{sha256_of(path)}\n".encode())
    return digest.hexdigest()
