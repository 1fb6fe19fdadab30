"""Changes of what is served among paper bundles, and what is there after them."""

from serving.versions.ledger import LEDGER, Author
from serving.versions.model_folder import (
    HELD,
    all_versions,
    held_versions,
    list_versions,
    next_version,
    version_path,
)
from serving.versions.promotion import promote, record_push, rollback
from tests.serving.versions.paper_bundle import write_paper_bundle

ADA = Author(who="ada@host", reason="because")


def push(model_dir, version=None):
    version = version or next_version(model_dir)
    staged = model_dir / f".pushing-{version}"
    write_paper_bundle(staged, version)
    return record_push(model_dir, staged, version, author=ADA)


def push_four(model_dir):
    """Pushes versions 1 to 4, one after the other."""
    for _ in range(4):
        push(model_dir)
    return model_dir


def accept(_bundle):
    """Stands in for the verifier: the paper bundles hold no model."""


def promote_to(model_dir, version, author=ADA):
    return promote(model_dir, version, author=author, verify=accept)


def rollback_to(model_dir, version=None, author=ADA):
    return rollback(model_dir, version, author=author, verify=accept)


def hold(model_dir, version):
    """Keeps a version back by hand."""
    (model_dir / HELD).mkdir(exist_ok=True)
    (model_dir / str(version)).rename(model_dir / HELD / str(version))


def contents(model_dir):
    """Every version's files, wherever the version is."""
    return {
        version: {
            str(path.relative_to(version_path(model_dir, version))): path.read_bytes()
            for path in version_path(model_dir, version).rglob("*")
            if path.is_file()
        }
        for version in all_versions(model_dir)
    }


def state(model_dir):
    return (
        list_versions(model_dir),
        held_versions(model_dir),
        (model_dir / LEDGER).read_bytes(),
    )
