"""Markdown from the docstrings of the code: numpydoc sections become lists, everything else stays prose."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Callable
from typing import Any

_RULE = re.compile(r"-{3,}")
_COLUMNS = re.compile(r"={2,}( +={2,})+")
_LISTS = {"Parameters", "Attributes", "Returns", "Yields", "Raises", "Other Parameters"}
_CODE = re.compile(r"(``.+?``|`[^`\n]+?`)", re.DOTALL)


def at(place: str) -> Any:
    """The object at ``package.module:attribute``."""
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)


def text_of(thing: Any) -> str:
    """The docstring of a thing itself, not of what it inherits from; empty where there is none."""
    own = vars(thing).get("__doc__") if isinstance(thing, type) else getattr(thing, "__doc__", None)
    return inspect.cleandoc(own) if isinstance(own, str) else ""


def module_text(thing: Any) -> str:
    """The docstring of the module that a thing is defined in."""
    return text_of(sys.modules[thing.__module__])


def first_paragraph(text: str) -> str:
    """The first paragraph of a docstring as one line of Markdown."""
    return prose(" ".join(text.partition("\n\n")[0].split()))


def first_sentence(text: str) -> str:
    """The first line of a docstring as Markdown."""
    return prose(text.partition("\n")[0].strip())


def prose(text: str) -> str:
    """Docstring text as Markdown: nothing outside code spans is taken for markup."""
    parts = _CODE.split(text)
    for place in range(0, len(parts), 2):
        plain = parts[place].replace("&", "&amp;").replace("<", "&lt;").replace("\\", "\\\\")
        parts[place] = re.sub(r"(?<=\S)\*|\*(?=[^\s*])", r"\\*", plain)
    return "".join(parts)


def cell(text: Any) -> str:
    """Text for a cell of a table."""
    return str(text).replace("|", "\\|").replace("\n", " ")


def table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell(value) for value in line) + " |" for line in lines)


def code(value: Any) -> str:
    """A value as a code span."""
    return f"`{value}`"


def fenced(text: str, language: str, title: str = "") -> str:
    """A block of code."""
    return f"```{language}" + (f' title="{title}"' if title else "") + f"\n{text.rstrip()}\n```"


def sections(text: str) -> list[tuple[str, str]]:
    """Heading and body of each section of a docstring; the heading of the first is empty."""
    found, heading, body = [], "", list[str]()
    lines = text.splitlines()
    for place, line in enumerate(lines):
        if _RULE.fullmatch(line.strip()) and body and body[-1].strip():
            title = body.pop().strip()
            found.append((heading, "\n".join(body).strip()))
            heading, body = title, []
        else:
            body.append(line if place else line.strip())
    return [*found, (heading, "\n".join(body).strip())]


def rendered(text: str, *, skip_first: bool = False, leave_out: tuple[str, ...] = ()) -> str:
    """A docstring as Markdown.

    Parameters
    ----------
    text : str
        As `text_of` gives it.
    skip_first : bool
        Without its first paragraph.
    leave_out : tuple of str
        Sections that are left out.
    """
    parts = []
    for heading, body in sections(text):
        if heading in leave_out or not body:
            continue
        if not heading:
            body = body.partition("\n\n")[2] if skip_first else body
            parts.append(_verbatim(body))
        elif heading in _LISTS:
            parts.append(f"**{heading}**\n\n" + "\n".join(f"- {line}" for line in _entries(body)))
        elif heading == "Examples":
            parts.append("**Examples**\n\n" + fenced(body, "pycon"))
        else:
            parts.append(f"**{heading}**\n\n" + _verbatim(body))
    return "\n\n".join(part for part in parts if part.strip())


def _verbatim(body: str) -> str:
    """Prose, with indented blocks as code."""
    return "\n\n".join(_block(block) for block in body.split("\n\n"))


def _block(block: str) -> str:
    if _COLUMNS.fullmatch(block.partition("\n")[0].strip()):
        return _simple_table(block.splitlines())
    if block.startswith("    "):
        return block
    if re.fullmatch(r"(\S.*\n( {4}.*(\n|$))+)+", block):  # terms, each with what it means below
        return "\n".join(f"- {line}" for line in _entries(block))
    return prose(block[:-1] if block.endswith("::") else block)


def _simple_table(lines: list[str]) -> str:
    """A reStructuredText table, whose columns are ruled by ``=``, as a Markdown table."""
    spans = [(span.start(), span.end()) for span in re.finditer("=+", lines[0])]
    spans[-1] = (spans[-1][0], 10_000)
    rows = [line for line in lines if not _COLUMNS.fullmatch(line.strip())]
    cells = [tuple(prose(row[first:last].strip().removeprefix("\\").strip()) for first, last in spans) for row in rows]
    return table(cells[0], [*cells[1:]])


def _entries(body: str) -> list[str]:
    """Lines of a numpydoc list: name, type and meaning."""
    entries: list[tuple[str, list[str]]] = []
    for line in body.splitlines():
        if line[:1].strip():
            entries.append((line.strip(), []))
        elif entries:
            entries[-1][1].append(line.strip())
    lines = []
    for head, meaning in entries:
        name, colon, kind = head.partition(" : ")
        names = ", ".join(code(one.strip()) for one in name.split(",")) if colon else prose(head)
        said = prose(" ".join(part for part in meaning if part))
        lines.append(names + (f" ({prose(kind)})" if kind else "") + (f": {said}" if said else ""))
    return lines


def signature(function: Callable[..., Any], name: str) -> str:
    """How a function or class is called, as Python, one argument a line where it is long."""
    found = inspect.signature(function)
    if next(iter(found.parameters), "") == "self":
        found = found.replace(parameters=list(found.parameters.values())[1:])
    line = f"{name}{found}".replace("'", "").replace(" -> None", "") if isinstance(function, type) else f"{name}{found}"
    line = re.sub(r": '([^']*)'", r": \1", line)
    line = re.sub(r"-> '([^']*)'", r"-> \1", line)
    if len(line) <= 88:
        return line
    shown, starred = [], False
    for parameter in found.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            shown.append("*")
            starred = True
        starred = starred or parameter.kind is parameter.VAR_POSITIONAL
        shown.append(re.sub(r": '([^']*)'", r": \1", str(parameter)))
    end = line.rpartition(") -> ")[2] if ") -> " in line else ""
    return f"{name}(\n" + "".join(f"    {one},\n" for one in shown) + ")" + (f" -> {end}" if end else "")
