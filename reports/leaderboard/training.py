"""The mark of methods whose training data share photographs with the test set, and what is said below a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from facedeblur.methods.weight_cards.facts import BY_NAME

MARK = "†"
CHECK = "facedeblur check SET --against TRAINING_SET"


def mark(row: Mapping[str, Any]) -> str:
    """The mark of a leaderboard's row; empty if its training data are not known to share photographs with the set."""
    return MARK if row.get("overlap") else ""


def notes(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines below the table of one set: what the mark means, and of which methods only a file's name tells the data.

    Parameters
    ----------
    rows : sequence of mapping
        Rows of a leaderboard, of one set.
    """
    shared: dict[str, list[str]] = {}
    for row in rows:
        for told in str(row.get("overlap") or "").split("; "):
            if told:
                shared.setdefault(told, []).append(str(row["method"]))
    lines = []
    if shared:
        parts = [f"{told}, from which this set's photographs come ({', '.join(who)})" for told, who in shared.items()]
        lines.append(
            f"{MARK} trained on {'; on '.join(parts)}. They need not be the same photographs: {CHECK} finds those that "
            "are, where the training set is at hand"
        )
    named = [
        str(row["method"]) for row in rows
        if row.get("trained_on") and BY_NAME in str(row.get("told_by") or "").split(", ")
    ]  # fmt: skip
    if named:
        lines.append(f"trained on: only the name of the weight file tells it of {', '.join(named)}")
    return lines
