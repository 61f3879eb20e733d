"""The interface of methods, and their registration.

A method is a class with ``restore(self, blurred)``. Everything else is optional:

* ``load(self, device, weights)`` is called once before the first image, with ``"cpu"`` or
  ``"cuda"`` and the path of each declared weight file. A method that has it counts as a network:
  it runs on the GPU if there is one, and takes ``--precision``.
* ``restore(self, blurred)``: (N, H, W, 3) float32 RGB in [0, 1] to the same shape. An oracle has
  ``restore(self, blurred, kernels)`` and is given one (k, k) float64 point spread function per image.
* ``estimated_kernels``, a list with one (k, k) point spread function (k odd) or None for each image of the
  last call of ``restore``, is stored in the outputs and can be scored.
* ``keeps``, a class attribute, maps the names of intermediate results that ``run --keep`` can store to
  `facedeblur.methods.keep.Keep`. The runner sets ``keep`` to the wanted names before the first image; after each call
  of ``restore``, ``kept`` then maps every folder to one image, (H, W) or (H, W, 3) in [0, 1], or one label image,
  (H, W) integers, for each image of the call.
* ``network``, a ``torch.nn.Module`` attribute, gives the number of parameters; without it, ``parameters`` and
  ``size_bytes`` (numbers, or methods that return them) do.
* ``autocast = False`` says that ``--precision`` does not apply, and ``stored_precision`` (``fp16``, ...) in what the
  weights are stored if not in 32 bits; ``run.json`` then states that precision.
* ``find_weights(cls, near)``, a class method, returns the paths of weight files that cannot be declared by name;
  `near` are the folders that the user named (or a file).
* ``remark_on(cls, paths)``, a class method, returns a line about these files that the user should read, or ``""``.
* ``takes_labels(cls, paths)``, a class method, tells whether a method with these files is an oracle that is given the
  true labels: ``restore(self, blurred, labels)``, one (H, W) uint8 array of Helen's classes per image.
* Keyword arguments of the constructor are the options of the method on the command line.
* ``fit_options(cls, options, the_set)``, a class method, may adapt the user's options to the set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import checked
from facedeblur.benchmark.registry import Registry
from facedeblur.methods.nets.base import NETS

GROUP = "facedeblur.methods"
METHODS: Registry[type[Any]] = Registry("method", group=GROUP)
"""Name -> class of every method; other packages add theirs by the entry-point group ``facedeblur.methods``."""

Class = TypeVar("Class", bound=type[Any])


@dataclass(frozen=True)
class Spec:
    """Declaration of a method.

    Attributes
    ----------
    name, version : str
        The version changes whenever the outputs do.
    oracle : bool
        Whether the method is given the true kernel, which is unknown outside a benchmark.
    weights : tuple of (str, str)
        File name and ``sha256:hex`` of each weight file; an empty hash accepts any content.
    summary : str
        First line of the class's docstring.
    trained_on : tuple of str
        Data sets that the method was trained on, as it states them.
    licence : str
        Of the method, as it states it.
    network : str
        What the weights belong to, if that is not the name: the architecture of a published network.
    """

    name: str
    version: str
    oracle: bool
    weights: tuple[tuple[str, str], ...]
    summary: str
    trained_on: tuple[str, ...] = ()
    licence: str = ""
    network: str = ""


@checked
def method(
    name: str,
    *,
    weights: Mapping[str, str] | None = None,
    oracle: bool = False,
    version: str = "1",
    trained_on: Sequence[str] = (),
    licence: str = "",
) -> Callable[[Class], Class]:
    """Return a class decorator that registers a method.

    Parameters
    ----------
    name : str
        What it is called on the command line and in every table.
    weights : mapping, optional
        File name -> ``"sha256:..."`` of the files that ``load`` needs.
    oracle : bool
        Whether the method is given the true kernel; every table marks such methods.
    version : str
        Raise it when the outputs change.
    trained_on : sequence of str
        Data sets that the method was trained on, such as ``["CelebA"]``; a leaderboard shows them, and marks a method
        whose training data share photographs with the test set.
    licence : str
        Licence of the method and its weights, for the leaderboard.

    Raises
    ------
    InputError
        If the name is already registered or has a character that is not allowed, a hash is malformed, or the class
        has no ``restore``.

    Examples
    --------
    >>> import facedeblur as fd
    >>> @fd.method("contrast")
    ... class Contrast:
    ...     '''Move every value away from the mean of its image.'''
    ...
    ...     def restore(self, blurred):
    ...         mean = blurred.mean(axis=(1, 2), keepdims=True)
    ...         return mean + 1.1 * (blurred - mean)
    >>> fd.run(Contrast, "set/", "outputs/contrast", limit=4)
    <Outputs of contrast on shen2020, in outputs/contrast>
    """

    def enter(cls: Class) -> Class:
        check_restores(name, cls)
        summary = (cls.__doc__ or "").strip().partition("\n")[0]
        files = _checked_weights(name, weights or {})
        cls.method_spec = Spec(name, version, oracle, files, summary, tuple(trained_on), licence)
        METHODS.add(name, cls)
        return cls

    if not name or any(letter in name for letter in "[]/\\,= \t\n"):
        raise InputError(
            f"method name {name!r}", expected="letters, digits, '-', '_' and '.'", do="choose another name"
        )
    return enter


def check_restores(name: str, cls: type[Any]) -> None:
    """Raise InputError unless a class has ``restore`` or ``restore_folder``."""
    if not callable(getattr(cls, "restore", None)) and not callable(getattr(cls, "restore_folder", None)):
        raise InputError(f"method '{name}': {cls!r} has no method restore(self, blurred)")


def _checked_weights(name: str, weights: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    checked = []
    for file, given in weights.items():
        sha = given.removeprefix("sha256:").lower()
        if sha and (len(sha) != 64 or set(sha) - set("0123456789abcdef")):
            raise InputError(
                f"method '{name}', weights '{file}'", expected="'sha256:' and 64 hex digits", found=repr(given),
                do="take it from sha256sum, or give '' to accept any content",
            )  # fmt: skip
        checked.append((file, sha))
    return tuple(checked)


def spec_of(cls: type[Any]) -> Spec:
    """Return what a class declares; an entry point may name a class without the decorator `method`."""
    found = cls.__dict__.get("method_spec")
    return found if isinstance(found, Spec) else Spec(cls.__name__.lower(), "", False, (), "")


METHODS.add("blurred", "facedeblur.methods.classical.blurred:Blurred")
METHODS.add("unsharp", "facedeblur.methods.classical.unsharp:Unsharp")
METHODS.add("wiener", "facedeblur.methods.classical.nonblind.wiener:Wiener")
METHODS.add("richardson-lucy", "facedeblur.methods.classical.nonblind.richardson_lucy:RichardsonLucy")
METHODS.add("krishnan-fergus-2009", "facedeblur.methods.classical.nonblind.krishnan_fergus_2009:KrishnanFergus")
METHODS.add("shan-2008", "facedeblur.methods.classical.blind.shan_2008:Shan2008")
METHODS.add("cho-lee-2009", "facedeblur.methods.classical.blind.cho_lee_2009:ChoLee2009")
METHODS.add("krishnan-2011", "facedeblur.methods.classical.blind.krishnan_2011:Krishnan2011")
METHODS.add("xu-2013", "facedeblur.methods.classical.blind.xu_2013:Xu2013")
METHODS.add("zhong-2013", "facedeblur.methods.classical.blind.zhong_2013:Zhong2013")
METHODS.add("pan-2014-faces", "facedeblur.methods.classical.blind.pan_2014_faces:Pan2014Faces")
METHODS.add("pan-2016", "facedeblur.methods.classical.blind.pan_2016:Pan2016")
METHODS.add("pan-2017", "facedeblur.methods.classical.blind.pan_2017:Pan2017")
METHODS.add("li-2018", "facedeblur.methods.classical.blind.li_2018:Li2018")
METHODS.derive(NETS, "facedeblur.methods.kinds.network:network_method")
