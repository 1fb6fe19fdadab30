"""Lists the files of one split of an Examples artifact."""

from pathlib import Path


def list_split_files(examples_uri: str, split: str) -> list[str]:
    """Returns the paths of a split's files, by name.

    Args:
        examples_uri: Folder of an Examples artifact.
        split: Name of the split, for example "train".

    Raises:
        FileNotFoundError: The split has no file.
    """
    folder = Path(examples_uri) / f"Split-{split}"
    files = sorted(
        str(path)
        for path in (folder.iterdir() if folder.is_dir() else ())
        if path.is_file() and not path.name.startswith(".")
    )
    if not files:
        raise FileNotFoundError(f"split {split!r} of {examples_uri} has no file.")
    return files
