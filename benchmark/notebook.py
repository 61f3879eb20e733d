"""How results look in a notebook: a heading, a few facts, a table and small pictures, as HTML.

Result types call `card` in their ``_repr_html_``, which Jupyter shows. All text is escaped.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from html import escape
from typing import TypeVar

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import encode_png

Shown = TypeVar("Shown")

SIDE = 96
"""Height of a thumbnail in pixels."""


def card(
    title: str,
    facts: Mapping[str, object],
    *,
    table: tuple[Sequence[str], Iterable[Sequence[object]]] | None = None,
    pictures: Iterable[tuple[str, np.ndarray]] = (),
) -> str:
    """Return the HTML of a result.

    Parameters
    ----------
    title : str
        What it is.
    facts : mapping
        What is worth knowing at a glance, by name; empty values are left out.
    table : (headings, rows), optional
        Numbers are written as they are given: round them first.
    pictures : iterable of (str, (H, W, 3) uint8 RGB)
        Shown as thumbnails `SIDE` pixels high, each with its caption as tooltip.
    """
    told = "".join(
        f'<tr><th style="text-align:left">{escape(name)}</th><td style="text-align:left">{escape(str(value))}</td></tr>'
        for name, value in facts.items()
        if value not in ("", None)
    )
    parts = [f"<strong>{escape(title)}</strong>", f"<table>{told}</table>" if told else ""]
    if table is not None:
        heads, rows = table
        parts.append(f"<table><thead>{_row('th', heads)}</thead>")
        parts.append(f"<tbody>{''.join(_row('td', cells) for cells in rows)}</tbody></table>")
    parts += [_thumbnail(caption, pixels) for caption, pixels in pictures]
    return f"<div>{''.join(parts)}</div>"


def or_reason(show: Callable[[Shown], str]) -> Callable[[Shown], str]:
    """Let a ``_repr_html_`` say why a result cannot be shown, for example because its folder was deleted."""

    @wraps(show)
    def html(self: Shown) -> str:
        try:
            return show(self)
        except InputError as error:
            return card(type(self).__name__, {"cannot be shown": error})

    return html


def _row(tag: str, cells: Sequence[object]) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(str(cell))}</{tag}>' for cell in cells)}</tr>"


def _thumbnail(caption: str, pixels: np.ndarray) -> str:
    import cv2

    height, width = pixels.shape[:2]
    if height > SIDE:
        pixels = cv2.resize(pixels, (max(1, round(width * SIDE / height)), SIDE), interpolation=cv2.INTER_AREA)
    data, shown = base64.b64encode(encode_png(pixels)).decode(), escape(caption, quote=True)
    return f'<img src="data:image/png;base64,{data}" alt="{shown}" title="{shown}" height="{SIDE}"> '
