"""Cards of weight files on a terminal: all of them as tables, or one card whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from facedeblur.methods.weight_cards.cards import UNKNOWN, USES, Card, Found

WIDTH = 100
"""Columns of the tables where the output is not a terminal."""

_SHARES = {"file": 25, "found": 14, "hash": 0, "licence": 15, "trained on": 14, "published": 24}
"""Columns with their shares of the width; 0 for the width of their words."""
_STYLES = {"agrees": "green", "differs": "bold red"}
_STATES = {
    "agrees": "agrees with the card",
    "differs": "differs from the card: another version, or damaged",
    "known": "known, to compare a file with",
    UNKNOWN: UNKNOWN,
}


def print_cards(found: Sequence[Sequence[Found]], *, console: Console | None = None) -> None:
    """Print the cards, one table per use.

    Parameters
    ----------
    found : sequence of sequence of Found
        The files of each card.
    console : rich Console, optional
        Where to print; by default standard output, `WIDTH` columns wide if that is not a terminal.
    """
    console = console or _console()
    for use, heading in USES.items():
        some = [one for one in found if one[0].card.use == use]
        if not some:
            continue
        console.print(Text(heading, style="bold"))
        table = Table(box=None, pad_edge=False, width=min(console.width, 140), padding=(0, 1, 0, 0))
        for name, share in _SHARES.items():
            table.add_column(name, overflow="fold", ratio=share or None, min_width=None if share else 7)
        for files in some:
            for at, one in enumerate(files):
                card = one.card
                facts = (card.shown_licence, ", ".join(card.trained_on), card.published)
                told = [fact or UNKNOWN for fact in facts] if at == 0 else ["", "", ""]
                state = Text(one.hash_state, style=_STYLES.get(one.hash_state, ""))
                place = place_of(one.path) if one.path else "not found"
                table.add_row(one.name or f"{card.name} ({UNKNOWN})", place, state, *told)
        console.print(table)
        console.print()
    console.print(
        "hash: `agrees` with the card or `differs`, of files that were found; `known`: the card has one; facts that "
        "could not be looked up are unknown. One card whole: facedeblur info --weights NAME",
        style="dim", highlight=False,
    )  # fmt: skip


def print_card(found: Sequence[Found], *, console: Console | None = None) -> None:
    """Print one card whole, a line per fact; parameters as of `print_cards`."""
    console = console or _console()
    console.print(Text(found[0].card.name, style="bold"))
    lines = list(_facts(found))
    width = max(len(name) for name, _ in lines)
    for name, text in lines:
        console.print(Text(f"  {name:<{width}}  {text}"), soft_wrap=True)


def _facts(found: Sequence[Found]) -> Iterator[tuple[str, str]]:
    """Yield the names and texts of the facts of a card."""
    card = found[0].card
    yield "use", USES[card.use]
    yield "belongs to", card.belongs_to
    for one in found:
        yield "file", one.name or UNKNOWN
        yield "found", str(one.path) if one.path else "not found"
        yield "sha256", one.digest or one.expected or UNKNOWN
        yield "hash", _STATES[one.hash_state]
    yield "source", card.source
    yield "licence", card.licence or f"{UNKNOWN} (of the weights)"
    yield "licence of code", card.code_licence or UNKNOWN
    yield "trained on", ", ".join(card.trained_on) or UNKNOWN
    yield "published", card.published or UNKNOWN
    if card.note:
        yield "note", card.note
    for place in card.read_from:
        yield "read from", place


def records(found: Sequence[Sequence[Found]]) -> list[dict[str, Any]]:
    """The cards for JSON; what is unknown is an empty text or list, and a file that was not found has no path."""
    return [_record(files) for files in found]


def _record(found: Sequence[Found]) -> dict[str, Any]:
    card: Card = found[0].card
    files = [
        {"name": one.name, "sha256": one.expected, "path": str(one.path) if one.path else None, "found_sha256":
         one.digest, "hash": one.hash_state}
        for one in found if one.name
    ]  # fmt: skip
    return {
        "name": card.name,
        "use": card.use,
        "belongs_to": card.belongs_to,
        "files": files,
        "source": card.source,
        "licence": card.licence,
        "code_licence": card.code_licence,
        "trained_on": list(card.trained_on),
        "published": card.published,
        "note": card.note,
        "read_from": list(card.read_from),
    }


def place_of(path: Path) -> str:
    """Where a file is, in few words: the package that has it, or its folder."""
    parts = path.parts
    for marker in ("site-packages", "dist-packages"):
        if marker in parts:
            return f"package {parts[parts.index(marker) + 1]}"
    if "facedeblur" in parts and path.suffix == ".safetensors":
        return "package facedeblur"
    home = Path.home()
    return f"~/{path.parent.relative_to(home).as_posix()}" if path.is_relative_to(home) else str(path.parent)


def _console() -> Console:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    return console
