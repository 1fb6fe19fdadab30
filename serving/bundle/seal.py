"""Seals a folder: writes the contract over every file that lies in it."""

import dataclasses
from pathlib import Path

from serving.bundle import layout
from serving.bundle.contract import (
    BundleFile,
    Contract,
    SealedContract,
    decode_contract,
    encode_contract,
)


def seal(bundle: Path, contract: Contract) -> SealedContract:
    """Writes contract.json with the size and SHA-256 of all other files.

    Args:
        bundle: A folder that holds everything else already.
        contract: What to say; its `files` and model digest are replaced.

    Returns:
        The contract as it was written, and the bundle's digest.

    Raises:
        BundleRefusedError: The folder holds a link or a device.
    """
    files = tuple(
        BundleFile(
            path=relative,
            size_bytes=path.stat().st_size,
            sha256=layout.sha256_of(path),
        )
        for relative, path in layout.list_files(bundle).items()
        if relative != layout.CONTRACT
    )
    model = dataclasses.replace(
        contract.model, model_digest=layout.model_digest(bundle)
    )
    text = encode_contract(dataclasses.replace(contract, files=files, model=model))
    path = bundle / layout.CONTRACT
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)
    return decode_contract(text)
