"""Recognition of restored faces in a gallery of clear ones: ranks and cumulative match curves.

Every probe is compared with all gallery images; its rank is the place of the first one of the right
identity. Top-K is the share of probes of rank K or better, that is, with the right identity among
the K nearest images (Shen et al., IJCV 2020, section 5.2 and Table 11).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import one_of

DISTANCES = ("l2", "cosine")
MISS = 0
CHUNK = 256


def rank_of(
    probes: np.ndarray,
    probe_identities: Sequence[Any] | np.ndarray,
    gallery: np.ndarray,
    gallery_identities: Sequence[Any] | np.ndarray,
    *,
    distance: str = "l2",
    skip: np.ndarray | None = None,
    chunk: int = CHUNK,
) -> np.ndarray:
    """Rank of the first gallery image that shows the right person.

    Distances are float64 matrix products; where those cannot tell two apart they are computed again
    term by term, so ranks depend neither on `chunk` nor on the order of the gallery. A wrong image
    exactly as near as the nearest right one comes before it: embeddings that are all the same
    recognise nobody.

    Parameters
    ----------
    probes : np.ndarray, shape (P, D)
        Embeddings; a row with NaN is a probe without a face.
    probe_identities : sequence, length P
    gallery : np.ndarray, shape (G, D)
        Embeddings; a row with NaN is never found.
    gallery_identities : sequence, length G
    distance : {'l2', 'cosine'}
        With cosine a zero vector counts as one with NaN.
    skip : np.ndarray, shape (P,), int, optional
        Row of the gallery that a probe is not compared with, -1 for none.
    chunk : int
        Probes compared at once.

    Returns
    -------
    np.ndarray, shape (P,), int64
        From 1 on; 0 (`MISS`) for a probe without a face, or whose identity the gallery lacks.

    Raises
    ------
    InputError
        When shapes do not fit, the gallery is empty, or an option is not known.
    """
    probes, probe_good = _vectors("probes", probes, probe_identities, distance)
    gallery, gallery_good = _vectors("gallery", gallery, gallery_identities, distance)
    if not len(gallery) or probes.shape[1] != gallery.shape[1]:
        raise InputError("gallery", expected=f"(G, {probes.shape[1]}), G > 0", found=f"{gallery.shape}")
    if chunk < 1 or (skip is not None and np.shape(skip) != (len(probes),)):
        raise InputError("chunk or skip", expected="chunk of at least 1, one row to skip per probe", found=f"{chunk}")
    both = np.concatenate([np.asarray(gallery_identities), np.asarray(probe_identities)])
    codes = np.unique(both, return_inverse=True)[1].ravel()
    own, theirs = codes[len(gallery) :], codes[: len(gallery)]
    lengths = np.einsum("ij,ij->i", gallery, gallery)
    ranks = np.zeros(len(probes), dtype=np.int64)
    for start in range(0, len(probes), chunk):
        part = slice(start, start + chunk)
        some = probes[part]
        scale = np.einsum("ij,ij->i", some, some)
        apart = scale[:, None] + lengths - 2.0 * (some @ gallery.T)
        apart[:, ~gallery_good] = np.inf
        if skip is not None:
            left_out = np.flatnonzero(skip[part] >= 0)
            apart[left_out, skip[part][left_out]] = np.inf
        slack = 8.0 * (gallery.shape[1] + 8) * np.finfo(np.float64).eps * (scale + lengths.max())
        ranks[part] = _ranks(apart, own[part, None] == theirs, some, gallery, slack)
    ranks[~probe_good] = MISS
    return ranks


def _vectors(name: str, vectors: np.ndarray, identities: Sequence[Any] | np.ndarray, distance: str) -> Any:
    """Embeddings as float64 rows, unit length for cosine, zeros where unusable; and which are usable."""
    one_of("distance", distance, DISTANCES)
    vectors = np.array(vectors, dtype=np.float64)
    if vectors.ndim != 2 or len(vectors) != len(identities):
        raise InputError(name, expected=f"({len(identities)}, D) embeddings", found=f"{vectors.shape}")
    good = np.isfinite(vectors).all(axis=1)
    vectors[~good] = 0.0
    if distance == "cosine":
        # On unit vectors the squared Euclidean distance is twice the cosine distance.
        length = np.linalg.norm(vectors, axis=1)
        good &= length > 0
        vectors /= np.where(length > 0, length, 1.0)[:, None]
    return vectors, good


def _ranks(
    apart: np.ndarray, right: np.ndarray, probes: np.ndarray, gallery: np.ndarray, slack: np.ndarray
) -> np.ndarray:
    """Ranks of one chunk from squared distances (P, G), correct to `slack` (P,); `apart` is written over."""
    nearest = np.min(np.where(right, apart, np.inf), axis=1)
    known = np.isfinite(nearest)
    around = np.where(known, nearest, -np.inf)[:, None]
    rows, columns = np.nonzero(np.abs(apart - around) <= slack[:, None])
    for start in range(0, len(rows), 65536):
        row, column = rows[start : start + 65536], columns[start : start + 65536]
        apart[row, column] = np.sum((probes[row] - gallery[column]) ** 2, axis=1)
    nearest = np.min(np.where(right, apart, np.inf), axis=1)
    before = np.count_nonzero(~right & (apart <= nearest[:, None]), axis=1)
    return np.where(known, before + 1, MISS)


def leave_one_out(
    vectors: np.ndarray, identities: Sequence[Any] | np.ndarray, *, distance: str = "l2", chunk: int = CHUNK
) -> np.ndarray:
    """Rank of every image among all others: the row "clear images" of Shen et al., Table 11.

    Its 86.4 % cannot come from 100 probes; it fits 1,000 images (100 people times 10), each looked for
    among the other 999.

    Parameters
    ----------
    vectors : np.ndarray, shape (N, D)
    identities : sequence, length N
    distance, chunk
        As in `rank_of`.

    Returns
    -------
    np.ndarray, shape (N,), int64
        As `rank_of`; 0 also for a person of whom there is one image only.
    """
    every = np.arange(len(vectors))
    return rank_of(vectors, identities, vectors, identities, distance=distance, skip=every, chunk=chunk)


def cmc(ranks: np.ndarray, size: int) -> np.ndarray:
    """Cumulative match curve.

    Parameters
    ----------
    ranks : np.ndarray, shape (P,), int
        As `rank_of` gives them; 0 never matches but counts as a probe.
    size : int
        Number of gallery images.

    Returns
    -------
    np.ndarray, shape (size,), float64
        Entry ``k - 1`` is the share of probes, in [0, 1], with the right identity among the k nearest.

    Raises
    ------
    InputError
        When there is no probe, or a rank lies outside the gallery.
    """
    ranks = np.asarray(ranks)
    if not ranks.size or size < 1 or ranks.min() < 0 or ranks.max() > size:
        found = f"{ranks.min()} to {ranks.max()}" if ranks.size else "no rank"
        raise InputError("ranks", expected=f"at least one, 0 to {size}", found=found)
    return np.asarray(np.cumsum(np.bincount(ranks, minlength=size + 1)[1:]) / ranks.size)
