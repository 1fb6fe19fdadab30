"""Bundles for the tests of this folder; the model is built once a session."""

import hashlib
import json
import re
import shutil

import pytest

from serving.bundle import layout

_DIGEST = b'"contract_digest": "'


@pytest.fixture(scope="session")
def built_tiny_bundle(tmp_path_factory):
    """The tiny bundle itself: for reading only."""
    from tests.serving.tiny_bundle import build_tiny_bundle

    return build_tiny_bundle(tmp_path_factory.mktemp("models") / "rides" / "1")


@pytest.fixture
def tiny_bundle(built_tiny_bundle, tmp_path):
    """A copy of the tiny bundle for one test: {tmp_path}/models/rides/1."""
    return shutil.copytree(built_tiny_bundle, tmp_path / "models" / "rides" / "1")


@pytest.fixture
def reseal_bytes():
    """A function that makes hashes and digest of a changed bundle right again.

    The contract is edited as text: it may be anything.
    """

    def reseal(bundle):
        path = bundle / layout.CONTRACT
        text = path.read_bytes()
        for name, file in layout.list_files(bundle).items():
            entry = rb'("path": "%b",\s*"size_bytes": )\d+(,\s*"sha256": ")\w+'
            again = rb"\g<1>%d\g<2>%b"
            text = re.sub(
                entry % re.escape(name.encode()),
                again % (file.stat().st_size, layout.sha256_of(file).encode()),
                text,
            )
        start = text.rindex(_DIGEST) + len(_DIGEST)
        unsigned = text[:start] + b"0" * 64 + text[start + 64 :]
        digest = hashlib.sha256(unsigned).hexdigest().encode()
        path.write_bytes(text[:start] + digest + text[start + 64 :])

    return reseal


@pytest.fixture
def rewrite_contract(reseal_bytes):
    """A function that changes the contract's JSON document and seals it again."""

    def rewrite(bundle, change):
        path = bundle / layout.CONTRACT
        document = json.loads(path.read_text(encoding="utf-8"))
        change(document)
        path.write_text(
            json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
        reseal_bytes(bundle)

    return rewrite
