"""What every metric is, and how one is found by its name."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any, ClassVar, Self

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.signature import Signature
from facedeblur.benchmark.options import Slot, checked, fill, meaning
from facedeblur.benchmark.registry import Registry
from facedeblur.benchmark.tensors import on_device


@dataclass(frozen=True)
class Needs:
    """What a metric is given besides the restored image.

    Attributes
    ----------
    sharp : bool
        The sharp image. A metric that does not need it also scores sets that have none.
    label : bool
        The labels of the sharp image, which `Metric.prepare` is given.
    truths : bool
        Every sharp image that the set has of the photograph: `Metric.measure` is called with each of them, and the best
        value counts.
    kernel : bool
        The estimated and the true kernel: `Metric.measure_kernels` is called instead of `Metric.measure`.
    """

    sharp: bool = True
    label: bool = False
    truths: bool = False
    kernel: bool = False


class Metric(ABC):
    """A column of a score table, which says itself what it measures.

    A subclass sets `name`, `summary`, `label` and `worst`, the other attributes where the default is not right, and
    `measure` (or `measure_kernels`). It is picklable, keeps no state between calls, and gives the same values for a
    batch as for its images one by one.
    """

    name: ClassVar[str]
    """Family, under which it is registered: the part of the signature before the brackets."""

    summary: ClassVar[str]
    """The definition in words, without the options; reports print it."""

    terms: ClassVar[Mapping[str, str]] = {}
    """Options in words; see `facedeblur.benchmark.options.meaning`."""

    slots: ClassVar[tuple[Slot | Sequence[str], ...]] = ()
    """The options that `of` accepts; see `facedeblur.benchmark.options.fill`."""

    unit: ClassVar[str] = ""
    """``dB``, ``fraction``, or empty for a plain number."""

    higher_is_better: ClassVar[bool] = True

    needs: ClassVar[Needs] = Needs()

    device_bound: ClassVar[float] = 0.0
    """How far a value of another device may be from that of the processor, as a share of the value, or of 1 if that is
    larger."""

    @classmethod
    def of(cls, *options: str) -> Self:
        """Return the metric with these options; missing ones take their default.

        The constructor is called with one word for every slot that leaves a choice.

        Raises
        ------
        InputError
            If an option is unknown (with the nearest name), or a package or weight file that it needs is missing.
        """
        words = fill(f"metric '{cls.name}'", options, *cls.slots)
        return cls(
            *(word for word, slot in zip(words, cls.slots, strict=True) if isinstance(slot, Slot) or len(slot) > 1)
        )

    @property
    def options(self) -> tuple[str, ...]:
        """Options that define it, complete, with hashes of weights; `of` makes the same metric of them."""
        return ()

    @property
    def signature(self) -> Signature:
        """Complete definition, and heading of the column."""
        return Signature(self.name, self.options)

    @property
    @abstractmethod
    def label(self) -> str:
        """Short column heading, e.g. ``PSNR``."""

    @property
    @abstractmethod
    def worst(self) -> float:
        """What a failed pair counts as unless the protocol names another value."""

    @property
    def limits(self) -> tuple[float, float]:
        """Least and greatest possible value, to which confidence intervals of means are cut."""
        return -math.inf, math.inf

    @property
    def partial(self) -> bool:
        """Whether a restored pair may have no value without having failed: its class or its kernel is absent."""
        return self.needs.label or self.needs.kernel

    @property
    def description(self) -> str:
        """The definition in words."""
        return self.describe(self.options)

    @classmethod
    def describe(cls, options: Sequence[str]) -> str:
        """Return the definition in words of the metric with these complete options; needs no weights."""
        terms = cls.terms_of(options)
        return "; ".join([cls.summary, *(meaning(word, terms) for word in options)])

    @classmethod
    def terms_of(cls, options: Sequence[str]) -> Mapping[str, str]:
        """Return the meaning of the options: `terms`, and those of a network that they name."""
        return cls.terms

    def on(self, device: str) -> Self:
        """Return the metric with its computation on a device, as torch names it, if it can be there.

        By default that is a dataclass with a field ``device``. Values may differ from those of the processor by
        `device_bound`.
        """
        return on_device(self, device) if is_dataclass(self) else self

    def prepare(self, sharp: np.ndarray, label: np.ndarray | None = None) -> Any:
        """Compute once per sharp image what all its restored versions share.

        Parameters
        ----------
        sharp : ndarray, (H, W, 3) uint8 RGB
            The sharp image.
        label : ndarray, (H, W) uint8, or None
            Its classes (see `facedeblur.benchmark.sets.classes.HELEN`) if the metric needs them and the image has any.

        Returns
        -------
        object
            Anything picklable, handed back to `measure`; by default None.
        """
        return None

    def measure(self, restored: np.ndarray, sharp: np.ndarray, prepared: Any) -> np.ndarray:
        """Compare restored images with their sharp one.

        Parameters
        ----------
        restored : ndarray, (N, H, W, 3) uint8 RGB
            Restored versions of one image.
        sharp : ndarray, (H, W, 3) uint8 RGB
            That image; None if it is missing and not needed.
        prepared : object
            What `prepare` returned for `sharp`.

        Returns
        -------
        ndarray, (N,) float64
            One value per image; NaN where the measurement failed (no face found, for instance).

        Raises
        ------
        InputError
            If a shape or type is wrong: that is not a failed measurement.
        """
        return np.full(len(restored), math.nan)

    def measure_kernels(self, pairs: Sequence[tuple[np.ndarray | None, np.ndarray | None]]) -> np.ndarray:
        """Compare estimated kernels with the true ones; for metrics that need kernels.

        Parameters
        ----------
        pairs : sequence of (estimated, true)
            Point spread functions, (k, k) float64 each, or None where one is absent.

        Returns
        -------
        ndarray, (N,) float64
            One value per pair; NaN where a kernel is absent.
        """
        return np.full(len(pairs), math.nan)


METRICS: Registry[type[Metric]] = Registry("metric", group="facedeblur.metrics")
"""Name of a family -> its class."""

METRICS.add("psnr", "facedeblur.benchmark.metrics.fidelity.psnr_ssim:Psnr")
METRICS.add("ssim", "facedeblur.benchmark.metrics.fidelity.psnr_ssim:Ssim")
METRICS.add("ms-ssim", "facedeblur.benchmark.metrics.fidelity.ms_ssim:MsSsim")
METRICS.add("psnr-crop", "facedeblur.benchmark.metrics.fidelity.crop:CropPsnr")
METRICS.add("ssim-crop", "facedeblur.benchmark.metrics.fidelity.crop:CropSsim")
METRICS.add("psnr-shift", "facedeblur.benchmark.metrics.fidelity.shift:ShiftPsnr")
METRICS.add("ssim-shift", "facedeblur.benchmark.metrics.fidelity.shift:ShiftSsim")
METRICS.add("psnr-kohler", "facedeblur.benchmark.metrics.fidelity.kohler:KohlerPsnr")
METRICS.add("ms-ssim-kohler", "facedeblur.benchmark.metrics.fidelity.kohler:KohlerMsSsim")
METRICS.add("psnr-class", "facedeblur.benchmark.metrics.fidelity.semantic:ClassPsnr")
METRICS.add("ssim-class", "facedeblur.benchmark.metrics.fidelity.semantic:ClassSsim")
METRICS.add("kernel-similarity", "facedeblur.benchmark.metrics.estimated_kernels:KernelSimilarity")
METRICS.add("kernel-error", "facedeblur.benchmark.metrics.estimated_kernels:KernelError")
METRICS.add("identity", "facedeblur.benchmark.metrics.faces.identity:IdentityDistance")
METRICS.add("dvgg", "facedeblur.benchmark.metrics.perceptual.dvgg:VggDistance")
METRICS.add("detection", "facedeblur.benchmark.metrics.faces.detection:Detection")
METRICS.add("landmarks", "facedeblur.benchmark.metrics.faces.landmarks:LandmarkDistance")
METRICS.add("lpips", "facedeblur.benchmark.metrics.perceptual.lpips:Lpips")
METRICS.add("dists", "facedeblur.benchmark.metrics.perceptual.dists:Dists")
METRICS.add("niqe", "facedeblur.benchmark.metrics.perceptual.niqe:Niqe")


@checked
def metric(text: str) -> Metric:
    """Return the metric with a name or signature.

    Parameters
    ----------
    text : str
        A family (``ssim``), a family with some options (``ssim[skimage]``) or a whole signature.
        What is left out takes the family's default; ``metric(str(m.signature))`` is `m` again.

    Raises
    ------
    InputError
        If the family or an option is unknown (with the nearest name), or a package or weight file is missing.

    Examples
    --------
    >>> import facedeblur as fd
    >>> ssim = fd.metric("ssim")
    >>> str(ssim.signature)
    'ssim[matlab3d,s1.5,w11]'
    >>> fd.metric("psnr[y-limited]").unit
    'dB'
    >>> fd.metric("pnsr")
    Traceback (most recent call last):
        ...
    facedeblur.benchmark.errors.InputError: metric 'pnsr': unknown; did you mean 'psnr'?
    """
    wanted = Signature.parse(text)
    return _family(wanted.name).of(*wanted.options)


def describe(signature: str, label: str) -> str:
    """Return the definition in words of the metric with a complete signature.

    The metric is not made, so its weights may be missing. A family that is not installed is called by `label`.
    """
    wanted = Signature.parse(signature)
    try:
        return _family(wanted.name).describe(wanted.options)
    except InputError:
        return "; ".join([label, *(meaning(word, {}) for word in wanted.options)])


def _family(name: str) -> type[Metric]:
    kind = METRICS.get(name)
    if not (isinstance(kind, type) and issubclass(kind, Metric)):
        raise InputError(f"metric '{name}'", expected="a subclass of Metric", found=repr(kind), do="register the class")
    return kind
