"""Markdown from values and docstrings. Whole docstrings are left to mkdocstrings: see `docstring`."""

from __future__ import annotations

import importlib
import inspect
import json
import re
from typing import Any

_CODE = re.compile(r"(``.+?``|`[^`\n]+?`)", re.DOTALL)


def at(place: str) -> Any:
    """The object at ``package.module:attribute``."""
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)


def text_of(thing: Any) -> str:
    """The docstring of a thing itself, not of what it inherits from; empty if absent."""
    own = vars(thing).get("__doc__") if isinstance(thing, type) else getattr(thing, "__doc__", None)
    return inspect.cleandoc(own) if isinstance(own, str) else ""


def module_of(thing: Any) -> Any:
    """The module that a thing is defined in."""
    return importlib.import_module(thing.__module__)


def docstring(thing: Any, *, member: str = "", parameters: bool = True) -> str:
    """A directive that mkdocstrings replaces by the docstring of a module, a class (or its object) or a function.

    mkdocstrings reads source, so a class that is made at run time has its text here.

    Parameters
    ----------
    thing : object
        What is described.
    member : str
        Describe this attribute of a class instead.
    parameters : bool
        Whether to show the parameters.
    """
    thing = thing if hasattr(thing, "__name__") else type(thing)
    if inspect.ismodule(thing):
        path = thing.__name__
    elif getattr(module_of(thing), thing.__qualname__, None) is thing:
        path = ".".join([thing.__module__, thing.__qualname__, *[member] * bool(member)])
    else:
        return prose(text_of(thing))
    options = {
        "show_root_heading": False,
        "show_root_toc_entry": False,
        "show_docstring_parameters": parameters,
        "skip_local_inventory": True,
        "members": [],
    }
    return f"::: {path}\n    options: {json.dumps(options)}"


def first_paragraph(text: str) -> str:
    """The first paragraph of a docstring as one line of Markdown."""
    return prose(" ".join(text.partition("\n\n")[0].split()))


def first_sentence(text: str) -> str:
    """The first line of a docstring as Markdown."""
    return prose(text.partition("\n")[0].strip())


def prose(text: str) -> str:
    """Plain text as Markdown: nothing outside code spans is taken for markup."""
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
