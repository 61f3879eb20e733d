"""MATLAB files, up to version 7 read by scipy; version 7.3, which is HDF5, is left to h5py."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

from facedeblur.benchmark.errors import InputError

HDF5 = b"\x89HDF\r\n\x1a\n"


def load_mat(path: Path, *, expected: str, do: str, **options: Any) -> dict[str, Any] | None:
    """Read the variables of a MATLAB file.

    Parameters
    ----------
    path : Path
    expected, do : str
        What the message says where it is no such file.
    **options
        Of `scipy.io.loadmat`.

    Returns
    -------
    dict or None
        None where the file is of version 7.3, by its signature or by its header.

    Raises
    ------
    InputError
        When it is no MATLAB file or a damaged one.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        return None if _is_hdf5(path) else dict(loadmat(str(path), **options))
    except NotImplementedError:  # what scipy raises for a header of version 7.3, and for nothing else
        return None
    except (
        ValueError, TypeError, OverflowError, OSError, EOFError, LookupError, MatReadError, zlib.error,
    ) as error:  # fmt: skip
        raise InputError(str(path), expected=expected, found=str(error)[:120], do=do) from error


def _is_hdf5(path: Path) -> bool:
    """Whether the HDF5 signature is at the start or, as MATLAB writes it, after a header of 512 bytes."""
    with path.open("rb") as file:
        start = file.read(512 + len(HDF5))
    return start.startswith(HDF5) or start[512:] == HDF5
