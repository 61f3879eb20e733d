"""Training recipes that are changes of another one, so that the row of an ablation says what is different and no more.

    base = "shen2020"                     # a recipe that comes with the toolkit, or a file next to this one
    name = "shen2020-content"
    title = "Shen et al. 2020, content loss only"
    stages = ["coarse", "parsing", "fine"]

    [[stage]]
    name = "fine"
    drop = ["perceptual", "adversary"]
    terms = {local-structural = {weight = 10.0}}

Tables are merged key by key, lists and values are replaced. Stages are merged by their names and assumptions by their
keys. What is trained, recorded and compared on resuming is the whole recipe that comes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facedeblur.benchmark.config import read_named
from facedeblur.benchmark.errors import InputError, suggest

Table = dict[str, Any]


def read_whole(name: str | Path, package: str, what: str) -> tuple[Table, str]:
    """Read a TOML file by its name in a package or by its path, with its changes put into its base.

    Parameters
    ----------
    name, package, what
        As for `facedeblur.benchmark.config.read_named`.

    Returns
    -------
    values : dict
        What the file would hold without a base; ``base`` stays in it.
    where : str
        What messages call the file.

    Raises
    ------
    InputError
        When a file is missing or cannot be read, is its own base by way of others, or changes what its base lacks.
    """
    chain: list[tuple[Table, str]] = []
    seen: list[str] = []
    following: str | Path = name
    while True:
        values, _, where = read_named(following, package, what)
        mark = str(Path(following).resolve()) if str(following).endswith(".toml") else str(following)
        if mark in seen:
            raise InputError(f"{chain[-1][1]}: base '{chain[-1][0]['base']}' is a change of this file itself",
                             do="name another base")  # fmt: skip
        seen.append(mark)
        chain.append((values, where))
        base = values.get("base")
        if base is None:
            break
        if not isinstance(base, str) or not base:
            raise InputError(f"{where}: base", expected=f"the name of a {what}, or a .toml file", found=repr(base))
        following = Path(mark).parent / base if base.endswith(".toml") else base
    whole, _ = chain.pop()
    for changes, place in reversed(chain):
        whole = changed(whole, changes, place)
    return whole, chain[0][1] if chain else where


def changed(base: Mapping[str, Any], changes: Mapping[str, Any], where: str) -> Table:
    """Put `changes` into a recipe.

    Parameters
    ----------
    base, changes : mapping
        As TOML gives them. In any table of `changes`, ``drop`` names keys of the base that are left out, and in a
        stage also losses: ``"l1"`` for all that have the name, ``"l1 coarse"`` for that of one output. In a stage,
        ``terms`` maps such a name to what changes in these losses, and ``add`` lists further ones. ``stages`` names
        the stages that remain, in order; without it new ones come last.
    where : str
        The file of `changes`, for messages.

    Returns
    -------
    dict

    Raises
    ------
    InputError
        When `changes` has no name or title of its own, or names what the base does not have.
    """
    for key in ("name", "title"):
        if key not in changes:
            raise InputError(
                f"{where}: required key '{key}' is missing", do=f"name and title are never those of '{changes['base']}'"
            )
    rest = {key: value for key, value in changes.items() if key not in ("stage", "stages", "assumption")}
    whole = _merged(base, rest, where)
    whole["stage"] = _stages(base, changes, where)
    new = _tables(changes, "assumption", where)
    gone = {entry.get("key") for entry in new} | _groundless(base, whole)
    whole["assumption"] = [entry for entry in base.get("assumption", []) if entry.get("key") not in gone] + new
    return whole


def _groundless(base: Mapping[str, Any], whole: Mapping[str, Any]) -> set[Any]:
    """Keys of the base's assumptions about a stage, or a field of stages, that `whole` no longer has."""

    def said(recipe: Mapping[str, Any]) -> set[str]:
        return {word for stage in recipe["stage"] for word in (str(stage.get("name")), *stage)}

    lost = said(base) - said(whole)
    return {
        entry["key"] for entry in base.get("assumption", [])
        if str(entry.get("key")).startswith("stage.") and entry["key"].split(".")[1] in lost
    }  # fmt: skip


def _stages(base: Mapping[str, Any], changes: Mapping[str, Any], where: str) -> list[Table]:
    stages = {stage.get("name"): dict(stage) for stage in _tables(base, "stage", where)}
    for stage in _tables(changes, "stage", where):
        name = stage.get("name")
        stages[name] = _stage(stages[name], stage, f"{where}: stage '{name}'") if name in stages else stage
    order = changes.get("stages", list(stages))
    if not isinstance(order, list) or len(set(map(str, order))) != len(order):
        raise InputError(f"{where}: stages", expected="a list of different names", found=repr(order))
    for name in order:
        if name not in stages:
            raise InputError(f"{where}: stages: there is no stage '{name}'", do=suggest(str(name), map(str, stages)))
    for stage in _tables(changes, "stage", where):
        if stage.get("name") not in order:
            raise InputError(f"{where}: stage '{stage.get('name')}' is changed, but is not in 'stages'",
                             do="add it there, or leave the table out")  # fmt: skip
    return [stages[name] for name in order]


def _stage(base: Mapping[str, Any], changes: Mapping[str, Any], where: str) -> Table:
    rest = {key: value for key, value in changes.items() if key not in ("drop", "terms", "add")}
    losses = [dict(term) for term in _tables(rest if "losses" in rest else base, "losses", where)]
    dropped = []
    for name in _names(changes, where):
        kept = [term for term in losses if not _is(term, name)]
        if len(kept) == len(losses):
            dropped.append(name)
        losses = kept
    terms = changes.get("terms", {})
    if not isinstance(terms, dict):
        raise InputError(f"{where}, terms", expected="a table", found=repr(terms))
    for name, change in terms.items():
        if not isinstance(change, dict):
            raise InputError(f"{where}, terms.{name}", expected="a table", found=repr(change))
        if not any(_is(term, name) for term in losses):
            known = [str(term.get("name")) for term in losses]
            raise InputError(f"{where}, terms: there is no loss '{name}'", do=suggest(name, known))
        losses = [_merged(term, change, f"{where}, terms.{name}") if _is(term, name) else term for term in losses]
    losses += _tables(changes, "add", where)
    known = [str(term.get("name")) for term in base.get("losses", [])]
    return _merged(base, rest | {"drop": dropped, "losses": losses}, where, known)


def _is(term: Mapping[str, Any], name: str) -> bool:
    """Whether a loss is called `name`, alone or with what it judges."""
    own = term.get("name")
    return name in (own, f"{own} {term.get('options', {}).get('of', 'restored')}")


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any], where: str, also: list[str] | None = None) -> Table:
    """`base` with `changes`, table by table; `also` are other names that ``drop`` could have meant."""
    whole = dict(base)
    for name in _names(changes, where):
        if name not in whole:
            raise InputError(f"{where}, drop: there is no '{name}'", do=suggest(name, [*whole, *(also or [])]))
        del whole[name]
    for key, value in changes.items():
        if key == "drop":
            continue
        old = whole.get(key)
        whole[key] = (
            _merged(old, value, f"{where}, {key}") if isinstance(old, dict) and isinstance(value, dict) else value
        )
    return whole


def _names(changes: Mapping[str, Any], where: str) -> list[str]:
    names = changes.get("drop", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"{where}, drop", expected="a list of names", found=repr(names))
    return names


def _tables(values: Mapping[str, Any], key: str, where: str) -> list[Table]:
    found = values.get(key, [])
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise InputError(f"{where}: {key}", expected="a list of tables", found=repr(found))
    return found
