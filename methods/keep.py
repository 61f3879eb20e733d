"""Intermediate results of a method that a run keeps next to the restored images: ``facedeblur run --keep``.

A method declares in ``keeps`` what it can keep. Each name becomes a folder of outputs inside the outputs (one per part,
if it has parts), with its own ``run.json``, so that whatever reads outputs reads it as well. Kernels have no folder:
they are the estimated kernels of the run, in ``kernels.npz``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import one_of

Kind = Literal["image", "labels", "kernel"]


@dataclass(frozen=True)
class Keep:
    """An intermediate result that a method can keep.

    Attributes
    ----------
    kind : {'image', 'labels', 'kernel'}
        ``image``: values in [0, 1], grey or RGB. ``labels``: for every pixel a class of Helen, drawn in its colour.
        ``kernel``: the estimated point spread function.
    sources : tuple of str
        What a network calls it in its ``outputs``, if not by its name: one entry, whose channels are the parts, or one
        entry per part. For ``labels`` the entry holds one score per class.
    parts : tuple of str
        Names of its parts; ``NAME-PART`` is the folder of each.
    """

    kind: Kind = "image"
    sources: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()

    def folders(self, name: str) -> tuple[str, ...]:
        """Names of the folders for a result that is called `name`; none for a kernel."""
        if self.kind == "kernel":
            return ()
        return tuple(f"{name}-{part}" for part in self.parts) or (name,)


def chosen(method: str, keeps: Mapping[str, Keep], names: Sequence[str]) -> dict[str, Keep]:
    """Return what is to be kept, in the order in which the method declares it.

    Parameters
    ----------
    method : str
        Name of the method, for messages.
    keeps : mapping
        What it can keep.
    names : sequence of str
        What the user asks for.

    Raises
    ------
    InputError
        When the method cannot keep one of them.
    """
    if names and not keeps:
        raise InputError(f"method '{method}' keeps no intermediate results", do="leave out --keep")
    for name in names:
        one_of("intermediate result", name, keeps, of=f"method '{method}'")
    return {name: keep for name, keep in keeps.items() if name in names}
