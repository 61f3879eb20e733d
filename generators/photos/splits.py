"""Splits by identity into training and test, or into probe and gallery, that stay the same when photographs are added.

Whether an identity is used for testing depends on (seed, identity) alone: its hash is below the share. Shares are
therefore met on average, not exactly, and adding or removing photographs leaves all identities where they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.photos.collection import Collection, Photograph
from facedeblur.generators.photos.files import check_seed, in_order, unit_of
from facedeblur.generators.photos.lists import Choice

OK, NO_IDENTITY, NO_PHOTOGRAPH = "ok", "no identity", "no photograph"
NO_GALLERY, TOO_FEW, NOT_CHOSEN = "no gallery", "too few photographs", "not chosen"


def role_of(identity: str, *, seed: int, test_share: float = 0.3) -> str:
    """``test`` or ``train`` for an identity."""
    return "test" if unit_of(seed, "split", identity) < test_share else "train"


def split(photographs: Collection | Iterable[Photograph], *, seed: int = 0, test_share: float = 0.3) -> list[Choice]:
    """Divide identities into training and test, 70:30 as Anand et al. do.

    Parameters
    ----------
    photographs : Collection or iterable of Photograph
    seed : int
        At least 0.
    test_share : float
        Probability that an identity is used for testing, in (0, 1).

    Returns
    -------
    list of Choice
        One row per photograph, in order; photographs without an identity and folders without
        photographs have a status other than ``ok`` and no role.

    Raises
    ------
    InputError
        When an option is out of range, or one side would be empty.
    """
    if not 0 < test_share < 1:
        raise InputError("test share", expected="between 0 and 1", found=str(test_share), do="choose another one")
    check_seed(seed)
    listed, rows = _usable(photographs)
    chosen = [Choice(p.source, p.identity, role_of(p.identity, seed=seed, test_share=test_share), OK) for p in listed]
    people = {choice.identity: choice.role for choice in chosen}
    counts = Counter(people.values())
    for role in ("test", "train"):
        if not counts[role]:
            raise InputError(
                f"split of {len(people)} identities, seed {seed}", f"no identity is left for {role}",
                do="give more people, another seed or another share",
            )  # fmt: skip
    return _in_order([*chosen, *rows])


def probe_gallery(
    photographs: Collection | Iterable[Photograph],
    *,
    seed: int = 0,
    probes: int = 1,
    gallery: int = 9,
    keep: Iterable[Choice] = (),
) -> list[Choice]:
    """Choose probes and gallery of every identity, 1 + 9 as Shen et al. do for recognition.

    The choice depends on (seed, identity, source): photographs of other people do not change it. Photographs of the
    same identity are ranked by hash, so that a new one may replace another; `keep` prevents this.

    Parameters
    ----------
    photographs : Collection or iterable of Photograph
    seed : int
        At least 0.
    probes, gallery : int
        Photographs of each identity, at least 1.
    keep : iterable of Choice
        An earlier result whose probes and galleries are kept.

    Returns
    -------
    list of Choice
        One row per photograph, in order. The status of photographs without a role is ``no gallery``
        (all of an identity's photographs would be probes), ``too few photographs``,
        ``not chosen`` (there are more than needed), ``no identity`` or ``no photograph``.

    Raises
    ------
    InputError
        When a number is out of range, or no identity has enough photographs.
    """
    for option, number in (("probes", probes), ("gallery", gallery)):
        if number < 1:
            raise InputError(option, expected="at least 1", found=str(number), do="choose another number")
    check_seed(seed)
    listed, rows = _usable(photographs)
    earlier = {choice.source: choice.role for choice in keep if choice.status == OK}
    by_person: dict[str, list[Photograph]] = {}
    for photograph in listed:
        by_person.setdefault(photograph.identity, []).append(photograph)
    chosen = [
        choice
        for person in by_person.values()
        for choice in _of_person(person, seed=seed, probes=probes, gallery=gallery, earlier=earlier)
    ]
    if not any(choice.role for choice in chosen):
        most = max((len(person) for person in by_person.values()), default=0)
        raise InputError(
            f"{len(by_person)} identities", expected=f"{probes} + {gallery} photographs of at least one of them",
            found=f"at most {most}", do="give more photographs, or smaller numbers",
        )  # fmt: skip
    return _in_order([*chosen, *rows])


def tally(choices: Iterable[Choice]) -> dict[str, tuple[int, int]]:
    """Number of photographs and identities of every role, then of every status other than ``ok``."""
    groups: dict[str, tuple[int, set[str]]] = {}
    for choice in choices:
        count, people = groups.setdefault(choice.role if choice.status == OK else choice.status, (0, set()))
        people.add(choice.identity)
        groups[choice.role if choice.status == OK else choice.status] = (count + bool(choice.source), people)
    order = ["train", "test", "probe", "gallery", NOT_CHOSEN, TOO_FEW, NO_GALLERY, NO_PHOTOGRAPH, NO_IDENTITY]
    return {name: (groups[name][0], len(groups[name][1])) for name in order if name in groups}


def _usable(photographs: Collection | Iterable[Photograph]) -> tuple[list[Photograph], list[Choice]]:
    """Photographs with an identity, and rows for what cannot be used."""
    empty = photographs.empty_folders() if isinstance(photographs, Collection) else []
    listed = list(photographs.photographs if isinstance(photographs, Collection) else photographs)
    nameless = [Choice(p.source, "", "", NO_IDENTITY) for p in listed if not p.identity.strip()]
    return [p for p in listed if p.identity.strip()], [
        *nameless, *(Choice("", place.rpartition("/")[2], "", NO_PHOTOGRAPH) for place in empty)
    ]  # fmt: skip


def _of_person(
    person: Sequence[Photograph], *, seed: int, probes: int, gallery: int, earlier: Mapping[str, str]
) -> list[Choice]:
    def rank(photograph: Photograph) -> tuple[int, float, str]:
        kept = (
            ("probe", "gallery").index(role) if (role := earlier.get(photograph.source)) in ("probe", "gallery") else 2
        )
        return kept, unit_of(seed, "probe", photograph.identity, photograph.source), photograph.source

    if len(person) < probes + gallery:
        status = NO_GALLERY if len(person) <= probes else TOO_FEW
        return [Choice(photograph.source, photograph.identity, "", status) for photograph in person]
    choices = []
    for place, photograph in enumerate(sorted(person, key=rank)):
        role = "probe" if place < probes else "gallery" if place < probes + gallery else ""
        choices.append(Choice(photograph.source, photograph.identity, role, OK if role else NOT_CHOSEN))
    return choices


def _in_order(choices: Iterable[Choice]) -> list[Choice]:
    return sorted(choices, key=lambda choice: (choice.source == "", in_order(choice.source), choice.identity))
