"""What a run records of its method's training data and licence, and where that is known from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facedeblur.benchmark.files.tables import printable
from facedeblur.methods.base import Spec
from facedeblur.methods.nets.loading import header_of
from facedeblur.methods.weight_cards.cards import Card, card_of_hash, card_of_name
from facedeblur.methods.weight_cards.data_sets import usual_name

BY_HAND = "description"
BY_HASH = "hash"
BY_TRAINING = "training"
BY_NAME = "name"
TOLD_BY = {
    BY_HAND: "the description of the method",
    BY_HASH: "the hash of the weights",
    BY_TRAINING: "the training that wrote the weights",
    BY_NAME: "the name of the file alone",
}
"""Where facts are from."""


@dataclass(frozen=True)
class Facts:
    """Training data and licence of a method; empty where they are not known.

    Attributes
    ----------
    trained_on : tuple of str
        Data sets.
    licence : str
    told_by : str
        Where the training data, or else the licence, are known from: keys of `TOLD_BY`, with commas between.
    """

    trained_on: tuple[str, ...] = ()
    licence: str = ""
    told_by: str = ""

    @property
    def record(self) -> dict[str, Any]:
        """Entries in ``run.json``."""
        return {"trained_on": list(self.trained_on), "licence": self.licence, "told_by": self.told_by}


def facts_of(spec: Spec, weights: Mapping[str, Path], hashes: Mapping[str, str]) -> Facts:
    """Return what is known of a method: what it states itself, else what its weight files do.

    Of a weight file counts the card with its hash, else what its training recorded, else the card with its name.

    Parameters
    ----------
    spec : Spec
    weights : mapping of str to Path
        File name -> path.
    hashes : mapping of str to str
        File name -> sha256 (hex).
    """
    of_files = _joined(_of_file(spec, name, path, hashes.get(name, "")) for name, path in weights.items())
    stated = tuple(dict.fromkeys(map(usual_name, spec.trained_on)))
    if not stated and not spec.licence:
        return of_files
    told_by = BY_HAND if stated or not of_files.trained_on else of_files.told_by
    return Facts(stated or of_files.trained_on, spec.licence or of_files.licence, told_by)


def facts_of_run(run: Mapping[str, Any]) -> Facts:
    """Return what a run recorded of its method; of one that recorded nothing what the hashes of its weights tell."""
    if "told_by" in run:
        trained_on = tuple(map(printable, run.get("trained_on") or ()))
        return Facts(trained_on, printable(str(run.get("licence") or "")), str(run["told_by"]))
    hashes = map(str, (run.get("weights") or {}).values())
    return _joined(_of_card(card_of_hash(one), BY_HASH) for one in hashes)


def _of_file(spec: Spec, name: str, path: Path, sha256: str) -> Facts:
    card = card_of_hash(sha256)
    if card is not None:
        return _of_card(card, BY_HASH)
    if path.suffix.lower() == ".safetensors":
        trained_on = header_of([path]).trained_on
        return Facts(tuple(trained_on), "", BY_TRAINING) if trained_on else Facts()
    return _of_card(card_of_name(name, spec.network or spec.name), BY_NAME)


def _of_card(card: Card | None, told_by: str) -> Facts:
    if card is None or not (card.trained_on or card.shown_licence):
        return Facts()
    return Facts(card.trained_on, card.shown_licence, told_by)


def _joined(several: Iterable[Facts]) -> Facts:
    """The facts of several files together."""
    found = list(several)
    return Facts(
        tuple(dict.fromkeys(name for one in found for name in one.trained_on)),
        "; ".join(dict.fromkeys(one.licence for one in found if one.licence)),
        ", ".join(dict.fromkeys(one.told_by for one in found if one.told_by)),
    )
