"""A collection of photographs: identity, role, landmarks and labels of each, and which of them are selected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import SUFFIXES
from facedeblur.benchmark.files.paths import inside
from facedeblur.benchmark.sets.traits import Traits
from facedeblur.benchmark.words import many
from facedeblur.generators.photos.files import (
    canonical,
    composed,
    in_order,
    suffix,
    unit_of,
)
from facedeblur.generators.photos.identities import by_rule, check_guess
from facedeblur.generators.photos.lists import ROLES, Choice, read_list
from facedeblur.generators.photos.specs import Selection, Wanted

NOT_STATED = "not stated"
GUESSED = "guessed"
"""`Collection.told` of identities that were guessed from names."""


@dataclass(frozen=True)
class Photograph:
    """One photograph of a collection.

    Attributes
    ----------
    source : str
        Path relative to the collection's root, forward slashes.
    identity : str
        The person it shows.
    role : str
        ``test``, ``train``, ``probe`` or ``gallery`` if the publisher states it, else empty.
    label : str
        Path of the label image relative to the root, or empty; `Collection.labels` says what its values mean.
    points : tuple of float
        Ten numbers: x and y of left eye, right eye, nose, left and right corner of the mouth, in pixels of the
        photograph; empty if the publisher does not give them.
    """

    source: str
    identity: str
    role: str = ""
    label: str = ""
    points: tuple[float, ...] = ()


@dataclass(frozen=True)
class Collection:
    """Photographs in a folder, in order of their source.

    Attributes
    ----------
    name : str
        Which known collection it is: ``lfw``, ``celeba``, ``folder``, ...
    root : Path
    licence : str
        As the publisher states it, or ``not stated``.
    labels : str
        The class list of the label images: ``helen11``, ``celebamask19``, or empty if absent.
    photographs : tuple of Photograph
    by_folder : bool
        True if every person has a folder, so that a folder without photographs is a person without any.
    people : str
        Whose names the identities are. Of two collections the same name is the same person only if this is the same;
        by default the name of the collection.
    drawn : str
        How the photographs were chosen at random; empty if they were not.
    parts : tuple of (str, Collection)
        Of several collections (`combined`) each, by the first folder of the paths of its photographs.
    traits : callable, optional
        Reads what the publisher says of the photographs with these paths: their traits by path.
    told : str
        How identities were found where no publisher states them: ``guessed`` from names, or the user's rule.
    """

    name: str
    root: Path
    licence: str
    labels: str
    photographs: tuple[Photograph, ...]
    by_folder: bool = False
    people: str = ""
    drawn: str = ""
    parts: tuple[tuple[str, Collection], ...] = ()
    traits: Callable[[Sequence[str]], Traits] | None = None
    told: str = ""

    @classmethod
    def of(
        cls,
        name: str,
        root: Path,
        licence: str,
        people: Mapping[str, str],
        *,
        roles: Mapping[str, str] | None = None,
        labels: str = "",
        label_of: Mapping[str, str] | None = None,
        points: Mapping[str, tuple[float, ...]] | None = None,
        by_folder: bool = False,
        namespace: str = "",
        traits: Callable[[Sequence[str]], Traits] | None = None,
        told: str = "",
    ) -> Collection:
        """Put a collection together.

        Parameters
        ----------
        name, root, licence, labels, by_folder, traits, told
            As the attributes.
        people : mapping of str to str
            Identity by source, in the order of the photographs; empty where it is not known.
        roles, label_of, points : mapping, optional
            The other fields of `Photograph` by source, where they are known.
        namespace : str
            `Collection.people`.
        """
        roles, label_of, points = roles or {}, label_of or {}, points or {}
        listed = tuple(
            Photograph(
                source, composed(person), roles.get(source, ""), label_of.get(source, ""), points.get(source, ())
            )
            for source, person in people.items()
        )
        kind = labels if any(item.label for item in listed) else ""
        return cls(name, root, licence, kind, listed, by_folder, namespace, traits=traits, told=told)

    def _at(self, source: str) -> tuple[Collection, str]:
        """The collection that a path belongs to, and the path in it."""
        if not self.parts:
            return self, source
        key, _, path = source.partition("/")
        return dict(self.parts)[key], path

    def file(self, source: str) -> Path:
        """Where a photograph is, or its label: `Photograph.source` or `Photograph.label`."""
        part, path = self._at(source)
        return inside(part.root, path, links=True)

    def class_list(self, photograph: Photograph) -> str:
        """What the values of the photograph's label mean; see `labels`."""
        return self._at(photograph.source)[0].labels

    def each(self) -> list[Collection]:
        """The single collections, with those photographs that are in this one, by their own paths."""
        if not self.parts:
            return [self]
        own: dict[str, list[Photograph]] = {key: [] for key, _ in self.parts}
        for photograph in self.photographs:
            key, _, path = photograph.source.partition("/")
            own[key].append(replace(photograph, source=path, label=photograph.label.partition("/")[2]))
        return [replace(part, photographs=tuple(own[key])) for key, part in self.parts]

    def only(self, keys: Sequence[str]) -> Collection:
        """Return some of several collections, by the first folder of their paths; a single one as it is."""
        if not self.parts:
            return self
        kept = tuple(one for one in self.photographs if one.source.partition("/")[0] in keys)
        return replace(self, photographs=kept, parts=tuple(part for part in self.parts if part[0] in keys))

    def select(self, selection: Selection, *, wanted: Sequence[Wanted] = (), seed: int = 0) -> Collection:
        """Return the collection with the selected photographs only.

        The image list is applied first, then the pattern, the roles, the numbers and shares of each collection, the
        number of people, and the limit.

        Parameters
        ----------
        selection : Selection
        wanted : sequence of Wanted
            What is used of each collection, in the order of `parts`; by default everything.
        seed : int
            Determines what is chosen at random: each choice depends on it and on names, not on what else there is.

        Raises
        ------
        InputError
            When the image list names photographs that are missing, nothing is left, or there are fewer photographs or
            people than asked for.
        """
        match, roles = selection.match, selection.roles
        kept = self.photographs if selection.listed is None else self._listed(Path(selection.listed))
        if match:
            kept = tuple(p for p in kept if _matches(self._at(p.source)[1], match))
        if roles:
            kept = tuple(p for p in kept if p.role in roles)
        drawn: Collection = replace(self, photographs=kept)
        if wanted or self.parts:
            drawn = self._drawn(kept, wanted or [Wanted("", part.root) for _, part in self.parts], selection, seed)
        kept = drawn.photographs
        if not kept:
            raise self._nothing(selection)
        if selection.people is not None:
            kept = _one_each(kept, selection.people, seed)
        kept = kept[: selection.limit]
        return replace(drawn, photographs=kept, labels=self.labels if any(p.label for p in kept) else "")

    def _drawn(
        self, kept: tuple[Photograph, ...], wanted: Sequence[Wanted], selection: Selection, seed: int
    ) -> Collection:
        """Of the photographs that are left, those that are wanted of each collection."""
        left, parts = list[Photograph](), []
        for (key, part), want in zip(self.parts or (("", self),), wanted, strict=True):
            own = [p for p in kept if not key or p.source.startswith(f"{key}/")]
            own = [p for p in own if not want.role or p.role == want.role]
            if not own and selection.listed is None:
                asked = replace(selection, roles=(want.role,)) if want.role else selection
                raise part._nothing(asked)
            number = want.count_of(len(own))
            if number < len(own):
                order = {p.source: unit_of(seed, "photograph", part.name, self._at(p.source)[1]) for p in own}
                chosen = set(sorted(order, key=lambda source: (order[source], source))[:number])
                part = replace(part, drawn=f"drawn from {len(own):,} with seed {seed}")
                own = [p for p in own if p.source in chosen]
            left += own
            parts.append((key, part))
        named = tuple(parts) if self.parts else ()
        return replace(self, photographs=tuple(left), parts=named, drawn="" if named else parts[0][1].drawn)

    def _nothing(self, selection: Selection) -> InputError:
        counts = Counter(p.role or "none" for p in self.photographs)
        facts = ", ".join(f"{count:,} {role}" for role, count in sorted(counts.items()))
        match, roles = selection.match, selection.roles
        asked = [f"match '{match}'" * bool(match), f"role {' or '.join(roles)}" * bool(roles)]
        wanted = " and ".join(filter(None, asked)) or ("the list" if selection.listed else "this collection")
        return InputError(
            self.place, expected=f"photographs of {wanted}",
            found=f"none among {len(self.photographs):,} (roles: {facts or 'none'})", do="choose others",
        )  # fmt: skip

    @property
    def place(self) -> str:
        """Name and folder, for messages."""
        return " and ".join(f"{one.name}: {one.root}" for one in self.each())

    def _listed(self, file: Path) -> tuple[Photograph, ...]:
        by_source: Mapping[str, Photograph] = {canonical(p.source): p for p in self.photographs}
        choices: dict[str, Choice] = {}
        for choice in read_list(file):
            if choice.status == "ok":
                source = canonical(choice.source)
                if source in choices:
                    raise InputError(str(file), f"photograph '{source}' is listed twice", do="remove one of the lines")
                choices[source] = choice
        absent = [choice.source for source, choice in choices.items() if source not in by_source]
        if absent:
            raise InputError(
                str(file), f"{len(absent):,} of {len(choices):,} photographs are not in {self.place} "
                f"({absent[0]}, ...)", do="give the collections that the list was made from",
            )  # fmt: skip
        kept = [replace(by_source[source], identity=c.identity, role=c.role) for source, c in choices.items()]
        return tuple(sorted(kept, key=lambda photograph: in_order(photograph.source)))

    def images(self) -> Collection:
        """Return the collection with those entries only that are image files by their suffix."""
        return replace(self, photographs=tuple(p for p in self.photographs if suffix(p.source) in SUFFIXES))

    def empty_folders(self) -> list[str]:
        """Paths of people's folders that hold no image file; none where people have no folders.

        A folder whose photographs were not selected is not empty.
        """
        if self.parts:
            return [
                f"{key}/{place}"
                for (key, _), one in zip(self.parts, self.each(), strict=True)
                for place in one.empty_folders()
            ]
        if not self.by_folder:
            return []
        full = {parent for item in self.photographs for parent in _parents(item.source)}
        bottom = Counter(item.source.count("/") for item in self.photographs)
        depth = max(bottom, key=lambda level: bottom[level]) if bottom else 1
        folders = (path.relative_to(self.root) for path in self.root.glob("/".join("*" * max(depth, 1))))
        seen = (path for path in folders if not any(part.startswith(".") for part in path.parts))
        return sorted(p.as_posix() for p in seen if p.as_posix() not in full and _has_no_image(self.root / p))

    def describe(self) -> str:
        """Return a line for the screen: name, photographs, identities, roles, labels, points and licence.

        Of several collections a line for each.
        """
        if self.parts:
            return "\n".join(one.describe() for one in self.each())
        shown = self.photographs
        people = {photograph.identity for photograph in shown if photograph.identity}
        lone = len(people) == len(shown) > 1
        facts = [many(len(shown), "photograph") + f" ({self.drawn})" * bool(self.drawn)]
        counted = many(len(people), "identity", "identities")
        facts += [counted + (" (each photograph its own)" if lone else self._largest())]
        roles = Counter(photograph.role for photograph in shown if photograph.role)
        facts += [f"{roles[role]:,} {role}" for role in ROLES if roles[role]]
        nameless = sum(not photograph.identity for photograph in shown)
        facts += [f"{nameless:,} without identity"] * (nameless > 0)
        facts += [f"{many(sum(bool(p.label) for p in shown), 'label')} ({self.labels})"] * bool(self.labels)
        facts += [f"{sum(bool(p.points) for p in shown):,} with points"] * any(p.points for p in shown)
        return f"{self.name}: {', '.join(facts)}; licence: {self.licence}"

    def _largest(self) -> str:
        """How the identities were found and how many photographs the largest has, where no publisher states them."""
        counts = Counter(photograph.identity for photograph in self.photographs if photograph.identity)
        if not self.told or not counts:
            return ""
        name, number = min(counts.items(), key=lambda item: (-item[1], item[0]))
        how = "guessed from names" if self.told == GUESSED else f"by '{self.told}'"
        return f" ({how}; the largest, '{name}', has {number:,})"

    def identified(self, rule: str, *, guess: bool = True) -> Collection:
        """Return the collection with identities by the user's rule, if no publisher states them.

        Parameters
        ----------
        rule : str
            See `facedeblur.generators.photos.identities.by_rule`; empty to keep those that the names suggest.
        guess : bool
            Check these.

        Raises
        ------
        InputError
            When the rule fits not all photographs, or without a rule the guess looks wrong.
        """
        if self.told != GUESSED:
            return self
        shown = {p.source: p.identity for p in self.photographs if suffix(p.source) in SUFFIXES}
        if not rule:
            if guess:
                check_guess(shown, self.place)
            return self
        people = by_rule(list(shown), rule, self.place)
        named = tuple(replace(p, identity=people.get(p.source, p.identity)) for p in self.photographs)
        return replace(self, photographs=named, by_folder=self.by_folder and rule == "folder", told=rule)


def _matches(path: str, pattern: str) -> bool:
    return fnmatchcase(path if "/" in pattern else path.rpartition("/")[2], pattern)


def _one_each(photographs: Sequence[Photograph], number: int, seed: int) -> tuple[Photograph, ...]:
    """One photograph of each of `number` people, in order."""
    first: dict[str, Photograph] = {}
    for one in photographs:
        other = first.get(one.identity)
        if one.identity and (other is None or _rank(one, seed) < _rank(other, seed)):
            first[one.identity] = one
    if number > len(first):
        raise InputError(
            "people", expected=f"{number:,}, one photograph each", found=f"{len(first):,} people in "
            f"{len(photographs):,} photographs", do="ask for fewer people, or give more photographs",
        )  # fmt: skip
    chosen = sorted(first, key=lambda identity: (unit_of(seed, "person", identity), identity))[:number]
    kept = {first[identity].source for identity in chosen}
    return tuple(one for one in photographs if one.source in kept)


def _rank(photograph: Photograph, seed: int) -> tuple[float, str]:
    return unit_of(seed, "photograph of", photograph.identity, photograph.source), photograph.source


def combined(collections: Sequence[Collection]) -> Collection:
    """Put several collections together; one alone is returned as it is.

    The path of a photograph begins with the name of its collection (``helen/images/1.jpg``; that of the second of two
    such collections with ``helen-2``). Identities keep their names unless two collections have a name in common
    that does not mean the same person (`Collection.people`): then the collection's name precedes it.

    Parameters
    ----------
    collections : sequence of Collection
        At least one.
    """
    if len(collections) == 1:
        return collections[0]
    parts: dict[str, Collection] = {}
    for one in collections:
        number = sum(other.name == one.name for other in parts.values())
        parts[f"{one.name}-{number + 1}" if number else one.name] = one
    owners: dict[str, set[str]] = {}
    for one in parts.values():
        for photograph in one.photographs:
            owners.setdefault(photograph.identity, set()).add(one.people or one.name)

    def named(one: Collection, identity: str) -> str:
        return f"{one.people or one.name}_{identity}" if identity and len(owners[identity]) > 1 else identity

    photographs = [
        replace(
            p, source=f"{key}/{p.source}", identity=named(one, p.identity), label=f"{key}/{p.label}" if p.label else ""
        )
        for key, one in parts.items()
        for p in one.photographs
    ]
    photographs.sort(key=lambda photograph: in_order(photograph.source))
    kinds = dict.fromkeys(one.labels for one in parts.values() if one.labels)
    licences = dict.fromkeys(one.licence for one in parts.values())
    return Collection(
        "several", Path(), "; ".join(licences), " and ".join(kinds), tuple(photographs), parts=tuple(parts.items())
    )


def _has_no_image(folder: Path) -> bool:
    return folder.is_dir() and not any(file.suffix.lower() in SUFFIXES for file in folder.rglob("*"))


def _parents(source: str) -> list[str]:
    parts = source.split("/")[:-1]
    return ["/".join(parts[: n + 1]) for n in range(len(parts))]


def refuse(name: str, root: Path, expected: str, found: str, get: str) -> InputError:
    """Return the error of a folder that does not have the layout of its collection."""
    return InputError(f"{name}: {root}", expected=expected, found=found, do=get)
