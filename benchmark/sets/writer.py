"""Writes a set: it is complete or absent, and an interrupted build can be resumed.

A set grows in ``OUT.building``: sharp images first, then the blurred ones of one photograph
after the other, each finished photograph appended to the manifest. The folder is renamed
to ``OUT`` when everything is in it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.atomic import is_free, write_bytes, write_json
from facedeblur.benchmark.files.images import write_png
from facedeblur.benchmark.files.journal import Journal
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.files.paths import inside
from facedeblur.benchmark.files.schema import Text, read_json
from facedeblur.benchmark.files.stores import STORES, create_array, write_pixels
from facedeblur.benchmark.files.tables import header_line, read_rows, to_line, write_rows
from facedeblur.benchmark.options import one_of
from facedeblur.benchmark.sets.set import SCHEMA, ContentHash, Image, Pair, Set, building
from facedeblur.benchmark.sets.traits import FILE, NO_TRAITS, Traits, recorded
from facedeblur.benchmark.sets.truths import FILE as TRUTHS
from facedeblur.benchmark.sets.truths import Truth, by_image


def is_built(out: Path, key: str, value: str, *, other: str) -> bool:
    """Tell whether `out` is a finished set whose ``set.json`` has this `value` under `key`.

    Parameters
    ----------
    out : Path
    key, value : str
        What identifies the set.
    other : str
        What a set with another value is, for the message.

    Raises
    ------
    InputError
        When `out` holds another set or anything else.
    """
    if is_free(out):
        return False
    found = "other files"
    if (out / "set.json").is_file():
        if Set.open(out).info.get(key) == value:
            return True
        found = other
    raise InputError(
        str(out), expected="a new folder", found=found, do="choose another output folder or remove this one"
    )


class _Begun(msgspec.Struct):
    """Schema of ``build.json``."""

    identity: Text


class SetWriter:
    """Writes one set; `start`, then `append` for each photograph in order, then `finish`.

    Parameters
    ----------
    out : path
        Folder of the finished set.
    info : mapping
        What identifies the set and goes into ``set.json``: name, recipe, seed, sources, packages.
    store : {'png', 'npy'}
    """

    def __init__(self, out: str | Path, info: Mapping[str, Any], *, store: str = "png"):
        one_of("store", store, STORES)
        self.out = Path(out)
        self.work = building(self.out)
        self.info, self.store = dict(info), store
        self._manifest = Journal(self.work / "manifest.csv", head=header_line(Pair))

    def start(
        self,
        images: Sequence[Image],
        sharp: Callable[[Image], np.ndarray] | None,
        bank: Bank | None,
        *,
        n_kernels: int | Mapping[str, int],
        label: Callable[[Image], np.ndarray] | None = None,
        traits: Traits = NO_TRAITS,
        truths: Sequence[Truth] = (),
    ) -> list[str]:
        """Write images, sharp pixels and kernels; return the ids of photographs that are blurred already.

        Parameters
        ----------
        images : sequence of Image
            Every photograph, failed ones too.
        sharp : callable or None
            Gives the (H, W, 3) uint8 RGB pixels of an image whose status is ok; None for a set
            without sharp truth.
        bank : Bank or None
            The point spread functions, where the blur has any.
        n_kernels : int or mapping of str to int
            Pairs that each image will have; by image id where the numbers differ.
        label : callable, optional
            Gives the (H, W) uint8 labels of an image whose `Image.label` is set.
        traits : Traits
            By image id; those of other images are left out.
        truths : sequence of Truth
            Every sharp image of the photographs that have several. The caller writes their files as PNG before it
            appends the pairs of the photograph.

        Raises
        ------
        InputError
            When `out` holds another set or other files, or another set was begun in ``OUT.building``.
        """
        table = traits.renamed({image.image_id: image.image_id for image in images})
        key = self._identity(images, bank, table, truths)
        made_of = "a set of another name, or made from other photographs, recipe, seed or store, or with other traits"
        if is_built(self.out, "identity", key, other=made_of):
            return [image.image_id for image in images if image.blurred]
        self._hash, self._pairs = ContentHash(images, bank, by_image(truths)), 0
        each = {
            image.image_id: n_kernels if isinstance(n_kernels, int) else n_kernels[image.image_id]
            for image in images
            if image.blurred
        }
        if (self.work / "build.json").is_file():
            return self._resume(key, each)
        if self.work.exists():
            shutil.rmtree(self.work)  # interrupted before the first photograph was blurred
        self._lay_ground(images, sharp, bank, sum(each.values()), label)
        if truths:
            write_rows(self.work / TRUTHS, Truth, truths)
        if table:
            write_bytes(self.work / FILE, table.encoded())
        write_json(self.work / "build.json", {"identity": key})
        return []

    def _lay_ground(
        self,
        images: Sequence[Image],
        sharp: Callable[[Image], np.ndarray] | None,
        bank: Bank | None,
        n_pairs: int,
        label: Callable[[Image], np.ndarray] | None,
    ) -> None:
        blurred = [image for image in images if image.blurred]
        gallery = [image for image in images if image.ok and not image.blurred]
        self.work.mkdir(parents=True)
        if self.store == "npy":
            counts = {"sharp": len(blurred) if sharp else 0, "gallery": len(gallery)}
            self._create_arrays([*blurred, *gallery], counts | {"blur": n_pairs})
        else:
            (self.work / "blur").mkdir()
        for some in (blurred, gallery):
            for row, image in enumerate(some):
                if sharp:
                    write_pixels(self.work, image.sharp, row, sharp(image), store=self.store)
                if label and image.label:
                    write_png(inside(self.work, image.label), label(image))
        if bank:
            bank.save(self.work / "kernels.npz")
        write_rows(self.work / "images.csv", Image, images)
        self._manifest.append([])

    def _create_arrays(self, images: Sequence[Image], counts: Mapping[str, int]) -> None:
        sizes = {(image.height, image.width) for image in images}
        if len(sizes) != 1:
            raise InputError(
                "store 'npy'", expected="images of one size", found=f"{len(sizes)} sizes", do="use --store png"
            )
        for folder, count in counts.items():
            if count:
                create_array(self.work, folder, count=count, size=next(iter(sizes)))

    def append(self, pairs: Sequence[Pair]) -> None:
        """Enter the pairs of one photograph, whose pixels have been written."""
        self._manifest.append(map(to_line, pairs))
        self._hash.update(pairs)
        self._pairs += len(pairs)

    def finish(self) -> Set:
        """Compute the content hash, write ``set.json``, and give the folder its name; a finished set is opened."""
        if (self.out / "set.json").is_file():
            return Set.open(self.out)
        key = self._begun()
        images = list(read_rows(self.work / "images.csv", Image))
        kernels = len(Bank.load(self.work / "kernels.npz")) if (self.work / "kernels.npz").is_file() else 0
        traits, truths = self.work / FILE, self.work / TRUTHS
        info = {
            "schema": SCHEMA,
            **self.info,
            **({"traits": recorded(traits.read_bytes())} if traits.is_file() else {}),
            **({"truths": sum(1 for _ in read_rows(truths, Truth))} if truths.is_file() else {}),
            "store": self.store,
            "identity": key,
            "counts": {
                "photographs": len(images),
                "images": sum(image.ok for image in images),
                "identities": len({image.identity for image in images if image.ok}),
                "kernels": kernels,
                "pairs": self._pairs,
            },
            "content_hash": self._hash.hexdigest(),
        }
        write_json(self.work / "set.json", info)
        (self.work / "build.json").unlink()
        if self.out.exists():
            self.out.rmdir()  # empty, or `start` would have refused it
        self.work.rename(self.out)
        return Set.open(self.out, verify=False)  # its hash has just been computed

    def _begun(self) -> str:
        """The identity of the set whose building was begun here."""
        do = "remove that folder and build again"
        return str(read_json(self.work / "build.json", _Begun, "the identity of a set", do=do)["identity"])

    def _identity(self, images: Sequence[Image], bank: Bank | None, traits: Traits, truths: Sequence[Truth]) -> str:
        """Hash of everything that determines the set, for telling a resumed build from another."""
        digest = hashlib.sha256(json.dumps([*map(self.info.get, ("name", "recipe", "seed")), self.store]).encode())
        digest.update((bank.digest() if bank else "").encode())
        for one in (*images, *truths):
            digest.update(repr(one).encode())
        digest.update(traits.encoded() if traits else b"")
        return digest.hexdigest()

    def _resume(self, key: str, each: Mapping[str, int]) -> list[str]:
        if self._begun() != key:
            raise InputError(
                str(self.work),
                "an unfinished set of another name, photographs, recipe, seed, store or traits is in this folder",
                do="remove the folder or choose another output",
            )
        return self._drop_unfinished(each)

    def _drop_unfinished(self, each: Mapping[str, int]) -> list[str]:
        """Cut the manifest after the last photograph that has all its rows."""
        places = [place for place, _ in self._manifest.records()]
        whole, left = 0, len(places)
        for count in each.values():
            if count > left:
                break
            whole, left = whole + count, left - count
        self._manifest.cut(places[whole] if left else None)
        done: dict[str, None] = {}
        for pair in read_rows(self._manifest.path, Pair):
            self._hash.update([pair])
            self._pairs += 1
            done[pair.image_id] = None
        return list(done)
