"""Maps keys to [0, 1), a whole column at once, the same on every machine and version.

Source:
    FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv; its high bits differ
    little for short keys, so that MurmurHash3's 64-bit finalizer mixes them:
    https://github.com/aappleby/smhasher, MurmurHash3.cpp, fmix64.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from data.spans import DataContractError

_FNV_OFFSET = np.uint64(0xCBF29CE484222325)
_FNV_PRIME = np.uint64(0x100000001B3)
_MIX_1 = np.uint64(0xFF51AFD7ED558CCD)
_MIX_2 = np.uint64(0xC4CEB9FE1A85EC53)
_SHIFT = np.uint64(33)


def unit_hashes(keys: pa.Array, name: str) -> npt.NDArray[np.float64]:
    """Returns float64 [rows] in [0, 1): equal keys give equal numbers.

    Args:
        keys: Text or whole numbers, which count as the text they are written as; null
            counts as "".
        name: Column of the keys, for the error.

    Raises:
        DataContractError: The keys have another type, whose text could change.
    """
    if pa.types.is_dictionary(keys.type):
        keys = keys.dictionary_decode()
    is_text = pa.types.is_string(keys.type) or pa.types.is_large_string(keys.type)
    if not is_text and not pa.types.is_integer(keys.type):
        raise DataContractError(
            f"column {name!r} has type {keys.type} and is to divide the rows by its "
            "hash; expected text or whole numbers."
        )
    coded = pc.fill_null(pc.cast(keys, pa.string()), "").dictionary_encode()
    hashes = _hash_texts(coded.dictionary)
    unit = (_mixed(hashes) >> np.uint64(11)).astype(np.float64) / 2.0**53
    return np.asarray(unit[np.asarray(coded.indices)])


def _hash_texts(texts: pa.StringArray) -> npt.NDArray[np.uint64]:
    _, offsets, content = texts.buffers()
    places = np.frombuffer(offsets, dtype=np.int32)[texts.offset :][: len(texts) + 1]
    raw = np.frombuffer(content or b"", dtype=np.uint8)
    starts, lengths = places[:-1], np.diff(places)
    hashes = np.full(len(texts), _FNV_OFFSET)
    for place in range(int(lengths.max(initial=0))):
        rows = np.flatnonzero(lengths > place)
        byte = raw[starts[rows] + place].astype(np.uint64)
        hashes[rows] = (hashes[rows] ^ byte) * _FNV_PRIME
    return hashes


def _mixed(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    hashes = (hashes ^ (hashes >> _SHIFT)) * _MIX_1
    hashes = (hashes ^ (hashes >> _SHIFT)) * _MIX_2
    return hashes ^ (hashes >> _SHIFT)
