"""Training recipes: what a network is trained on, in which stages, and with which losses and optimisers.

A recipe is a TOML file that is read strictly: a key that is not a field of these records is an error. Numbers that a
paper states carry their source as a comment in the file; what a paper leaves open is listed there as an assumption.
A recipe with a ``base`` is written as changes of another one, see `facedeblur.methods.training.variant`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from facedeblur.benchmark.config import shipped, strict
from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.benchmark.options import one_of
from facedeblur.generators.recipe import Assumption
from facedeblur.methods.training.variant import read_whole

KINDS = ("constant", "step", "pieces", "linear", "polynomial", "cosine")
PRECISIONS = ("32", "bf16-mixed", "16-mixed")


def require(what: str, fine: object, expected: str, found: object) -> None:
    """Raise InputError unless `fine`."""
    if not fine:
        raise InputError(what, expected=expected, found=str(found))


def require_table(what: str, value: object) -> None:
    """Raise InputError unless `value` is a table."""
    require(what, isinstance(value, dict), "a table", value)


@dataclass(frozen=True)
class Optimiser:
    """How weights are changed: ``adam``, ``adamw``, ``rmsprop`` or ``sgd``, with the options that it has."""

    kind: str
    lr: float
    betas: tuple[float, ...] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    momentum: float = 0.0
    alpha: float = 0.99
    rates: Any = field(default_factory=dict)
    """Part of the network -> its own learning rate."""

    def __post_init__(self) -> None:
        one_of("optimiser.kind", self.kind, ("adam", "adamw", "rmsprop", "sgd"))
        require_table("optimiser.rates", self.rates)
        require("optimiser.lr", self.lr > 0, "above 0", self.lr)
        require("optimiser.betas", len(self.betas) == 2, "two numbers", self.betas)
        for part, rate in self.rates.items():
            number = isinstance(rate, int | float) and not isinstance(rate, bool) and rate > 0
            require(f"optimiser.rates.{part}", number, "a number above 0", rate)


@dataclass(frozen=True)
class RateSchedule:
    """How the rate changes over a stage; counts are optimiser steps and shrink with a shortened stage.

    Attributes
    ----------
    kind : {'constant', 'step', 'pieces', 'linear', 'polynomial', 'cosine'}
    warmup : int
        Steps over which the rate rises from 0.
    every, factor : int, float
        ``step``: the rate is multiplied by `factor` after every so many steps.
    hold : int
        ``linear`` and ``polynomial``: steps at the full rate, after which it falls to `floor`.
    floor : float
        Where ``linear``, ``polynomial`` and ``cosine`` end, as a share of the full rate.
    power : float
        ``polynomial``: what is left above `floor` is this power of the share of steps that are left.
    at, shares : tuple of int, tuple of float
        ``pieces``: from each of these steps on, the rate is this share of the full one; before the first it is full.
    fall, period : float, int
        ``step`` and ``pieces``: at the beginning of every `period` steps, the first included, the rate falls by the
        share `fall` of what it was at the last step or piece.
    """

    kind: str = "constant"
    warmup: int = 0
    every: int = 0
    factor: float = 0.5
    hold: int = 0
    floor: float = 0.0
    power: float = 1.0
    at: tuple[int, ...] = ()
    shares: tuple[float, ...] = ()
    fall: float = 0.0
    period: int = 0

    def __post_init__(self) -> None:
        one_of("schedule.kind", self.kind, KINDS)
        require("schedule.every", self.kind != "step" or self.every > 0, "above 0 with kind 'step'", self.every)
        require("schedule.warmup", self.warmup >= 0, "at least 0", self.warmup)
        require("schedule.hold", self.hold >= 0, "at least 0", self.hold)
        bent = self.power > 0 and (self.power == 1 or self.kind == "polynomial")
        require("schedule.power", bent, "above 0, and 1 unless kind 'polynomial'", self.power)
        rising = list(self.at) == sorted(set(self.at)) and all(step > 0 for step in self.at)
        require("schedule.at", rising, "steps above 0 in rising order", self.at)
        require("schedule.at", bool(self.at) == (self.kind == "pieces"), "steps with kind 'pieces' only", self.at)
        require("schedule.shares", len(self.shares) == len(self.at), "as many as 'at'", self.shares)
        require("schedule.shares", all(0 <= share <= 1 for share in self.shares), "from 0 to 1 each", self.shares)
        require("schedule.fall", 0 <= self.fall < 1, "from 0 to below 1", self.fall)
        staged = self.kind in ("step", "pieces") and self.period > 0
        require("schedule.fall", staged or not self.fall, "0 unless 'period' and kind 'step' or 'pieces'", self.fall)

    def shrunk(self, share: float) -> RateSchedule:
        """The same course over a stage of another length."""
        return replace(
            self,
            warmup=round(self.warmup * share),
            every=max(1, round(self.every * share)) if self.every else 0,
            hold=round(self.hold * share),
            **self._shrunk_pieces(share),
            period=max(1, round(self.period * share)) if self.period else 0,
        )

    def _shrunk_pieces(self, share: float) -> dict[str, Any]:
        """Pieces that would begin at one step are one: the last of them."""
        pieces = {max(1, round(step * share)): part for step, part in zip(self.at, self.shares, strict=True)}
        return {"at": tuple(pieces), "shares": tuple(pieces.values())}


@dataclass(frozen=True)
class LossTerm:
    """A term of the objective: its name in `LOSSES`, its weight, and its options."""

    name: str
    weight: float = 1.0
    options: Any = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_table(f"loss '{self.name}', options", self.options)


@dataclass(frozen=True)
class AdversaryRecipe:
    """A discriminator that is trained with the network.

    Attributes
    ----------
    discriminator, config : str, table
        Name in `DISCRIMINATORS` and its configuration.
    kind, options : str, table
        Name in `ADVERSARIES` and its options.
    weight : float
        Of the adversarial term in the network's objective.
    of, target : tuple of str
        Names of what it judges, among the outputs, and of the real ones, in the batch.
    critic_steps : int
        Its own steps before each step of the network; 0 for the usual number of its kind.
    """

    discriminator: str
    kind: str
    weight: float
    optimiser: Optimiser
    config: Any = field(default_factory=dict)
    options: Any = field(default_factory=dict)
    of: tuple[str, ...] = ("restored",)
    target: tuple[str, ...] = ("sharp",)
    critic_steps: int = 0

    def __post_init__(self) -> None:
        require_table("adversary.config", self.config)
        require_table("adversary.options", self.options)
        require("adversary.critic_steps", self.critic_steps >= 0, "at least 0", self.critic_steps)
        require("adversary.target", len(self.of) == len(self.target) > 0, "as many as 'of'", self.target)


@dataclass(frozen=True)
class Stage:
    """One stage.

    Attributes
    ----------
    name : str
    iterations, epochs : int
        Optimiser steps of the network, and passes over the training faces: the stage ends with whichever comes first;
        0 for no limit, of one of them.
    optimiser, schedule, losses, adversary
    train, freeze : tuple of str
        Parts of the network that are trained (all where empty), less those that are frozen.
    input : {'blurred', 'sharp'}
        What the network is given.
    blurred : float
        Share of the batches in which that is blurred; in the others the network is given the sharp faces, and the
        kernels of the batch are those of no blur.
    sigma : float, optional
        Noise of the blurred faces, instead of the data's.
    until : str
        Where the network stops, for one that has stages of its own; empty for its end.
    accumulate : int
        Batches whose gradients are summed up (as a mean) for one step.
    ema : float
        Decay of the moving average of the weights; 0 for none. It is what is validated and exported.
    clip : float
        Largest norm of the gradient; 0 for any.
    precision : {'32', 'bf16-mixed', '16-mixed'}
    batch : int
        Instead of the data's; 0 for that.
    labels, kernels : bool
        Whether batches hold the classes of the sharp face (``labels``), and the kernels (``kernels``).
    sketches : bool
        Whether the user has to give sketches: a drawing that is computed from the sharp face does not do.
    observations : {1, 2}
        Blurred images of each face in a batch. With 2 it holds no sharp faces, see
        `facedeblur.methods.training.observed`.
    proxies : float, optional
        With 2 observations: the network is also given its own estimates, blurred again and with noise of this standard
        deviation, in [0, 1].
    """

    name: str
    optimiser: Optimiser
    losses: tuple[LossTerm, ...]
    iterations: int = 0
    epochs: int = 0
    schedule: RateSchedule = RateSchedule()
    train: tuple[str, ...] = ()
    freeze: tuple[str, ...] = ()
    adversary: AdversaryRecipe | None = None
    input: str = "blurred"
    until: str = ""
    accumulate: int = 1
    ema: float = 0.0
    clip: float = 0.0
    precision: str = "32"
    batch: int = 0
    labels: bool = False
    kernels: bool = False
    sketches: bool = False
    blurred: float = 1.0
    sigma: float | None = None
    observations: int = 1
    proxies: float | None = None

    def __post_init__(self) -> None:
        where = f"stage '{self.name}', "
        one_of(f"{where}input", self.input, ("blurred", "sharp"))
        one_of(f"{where}precision", self.precision, PRECISIONS)
        require(f"{where}epochs", self.epochs >= 0, "at least 0", self.epochs)
        least = 0 if self.epochs else 1
        require(f"{where}iterations", self.iterations >= least, f"at least {least}", self.iterations)
        require(f"{where}accumulate", self.accumulate >= 1, "at least 1", self.accumulate)
        require(f"{where}ema", 0 <= self.ema < 1, "from 0 to below 1", self.ema)
        require(f"{where}clip", self.clip >= 0, "at least 0", self.clip)
        require(f"{where}blurred", 0 < self.blurred <= 1, "above 0, at most 1", self.blurred)
        require(f"{where}sigma", self.sigma is None or 0 <= self.sigma <= 1, "from 0 to 1", self.sigma)
        require(f"{where}losses", self.losses or self.adversary, "at least one loss", len(self.losses))
        require(f"{where}observations", self.observations in (1, 2), "1 or 2", self.observations)
        require(f"{where}proxies", self.proxies is None or 0 <= self.proxies <= 1, "from 0 to 1", self.proxies)
        require(f"{where}proxies", self.proxies is None or self.observations == 2, "observations = 2", "1")
        if self.observations == 2:
            sharp = {
                "input": self.input != "blurred", "blurred": self.blurred < 1, "labels": self.labels,
                "sketches": self.sketches, "adversary": self.adversary is not None,
            }  # fmt: skip
            given = [key for key, is_given in sharp.items() if is_given]
            require(f"{where}{', '.join(given)}", not given, "none of it with 2 observations", "sharp faces are needed")

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of what losses and discriminator compare outputs with."""
        named = tuple(str(term.options.get("target", "sharp")) for term in self.losses)
        return named + (self.adversary.target if self.adversary is not None else ())

    def lasting(self, iterations: int) -> Stage:
        """The same stage with another number of steps, to which its schedule shrinks."""
        share = iterations / self.iterations if self.iterations else 1.0
        return replace(self, iterations=iterations, schedule=self.schedule.shrunk(share))

    def described(self) -> dict[str, Any]:
        """Everything in it as JSON has it, without newer settings that change nothing.

        So a training that an earlier version began can be resumed.
        """
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        _leave_out(values, _NEWER)
        _leave_out(values["schedule"], _NEWER_SCHEDULE)
        return values


def _leave_out(table: dict[str, Any], unset: Mapping[str, Any]) -> None:
    """Remove the settings that have the values of `unset`."""
    for key, value in unset.items():
        if table[key] == value:
            del table[key]


_NEWER: dict[str, Any] = {"sketches": False, "blurred": 1.0, "sigma": None, "observations": 1, "proxies": None}
_NEWER_DATA: dict[str, Any] = {"border": ""}
_NEWER_SCHEDULE: dict[str, Any] = {"at": [], "shares": [], "fall": 0.0, "period": 0, "power": 1.0}


@dataclass(frozen=True)
class Data:
    """What is trained on: a recipe of pairs and how batches are cut from it.

    Attributes
    ----------
    recipe : str
        Of `facedeblur.generators.recipes`, or a TOML file.
    batch : int
    crop : int
        Side of the random crops; 0 for whole faces.
    augment : str or table
        ``shen``, ``lin``, ``mspl``, ``none`` or the ranges of an `AugmentLaw`; empty for the recipe's.
    sigma, sizes, first, per_size
        Of noise and kernels, instead of the recipe's.
    border : str
        What is beyond a face when it is blurred, instead of the recipe's; empty for that.
    """

    recipe: str
    batch: int
    crop: int = 0
    augment: Any = ""
    sigma: float | None = None
    sizes: tuple[int, ...] = ()
    first: int | None = None
    per_size: int | None = None
    border: str = ""

    def __post_init__(self) -> None:
        require("data.batch", self.batch >= 1, "at least 1", self.batch)
        require("data.crop", self.crop >= 0, "at least 0", self.crop)
        require("data.augment", isinstance(self.augment, str | dict), "a name or a table", self.augment)


PACKAGE = "facedeblur.methods.training.recipes"


@dataclass(frozen=True)
class TrainRecipe:
    """How one network is trained.

    Attributes
    ----------
    base : str
        The recipe that this one was written as changes of; all else is here already.
    """

    name: str
    network: str
    source: str
    data: Data
    stage: tuple[Stage, ...]
    title: str = ""
    base: str = ""
    config: Any = field(default_factory=dict)
    assumption: tuple[Assumption, ...] = ()

    def __post_init__(self) -> None:
        require_table("config", self.config)
        names = [stage.name for stage in self.stage]
        require("stage", len(set(names)) == len(names) > 0, "stages of different names, at least one", names)

    def described(self) -> dict[str, Any]:
        """Everything in it as JSON has it."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        _leave_out(values["data"], _NEWER_DATA)
        return values | {"stage": [stage.described() for stage in self.stage]}

    def adjusted(
        self,
        stage: str = "all",
        *,
        iterations: int | None = None,
        batch: int | None = None,
        crop: int | None = None,
        precision: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> TrainRecipe:
        """Return the recipe with other values in the chosen stages, and other settings of the network.

        Parameters
        ----------
        stage : str
            See `chosen`.
        iterations : int, optional
            Instead of the recipe's iterations and epochs. Schedules shrink with them.
        batch, crop, precision, config : optional
            Instead of the recipe's.

        Raises
        ------
        InputError
            When there is no such stage or precision.
        """
        if precision is not None:
            one_of("precision", precision, PRECISIONS)
        stages = list(self.stage)
        for place in self.chosen(stage):
            one = stages[place]
            if iterations is not None:
                one = replace(one.lasting(iterations), epochs=0)
            stages[place] = replace(one, precision=precision or one.precision, batch=0 if batch else one.batch)
        own = self.data
        data = replace(own, batch=own.batch if batch is None else batch, crop=own.crop if crop is None else crop)
        return replace(self, stage=tuple(stages), data=data, config={**self.config, **(config or {})})

    def counted(self, pairs: int, *, world: int = 1) -> TrainRecipe:
        """Return the recipe with the iterations that the epochs of each stage mean.

        Parameters
        ----------
        pairs : int
            Pairs of an epoch: one of each face that is trained on, each pair of sets, and of a mixture as many as show
            each face of the photographs once.
        world : int
            Devices that share a batch of each.
        """
        stages = []
        for one in self.stage:
            passes = -(-one.epochs * pairs // ((one.batch or self.data.batch) * one.accumulate * world))
            sooner = one.epochs and (not one.iterations or passes < one.iterations)
            stages.append(one.lasting(passes) if sooner else one)
        return replace(self, stage=tuple(stages))

    def chosen(self, which: str) -> list[int]:
        """Places of the stages that ``"all"``, a number from 1, ``"2-4"`` or a name means.

        Raises
        ------
        InputError
            When there is no such stage.
        """
        names = [stage.name for stage in self.stage]
        if which == "all":
            return list(range(len(names)))
        if which in names:
            return [names.index(which)]
        first, _, last = which.partition("-")
        if first.isdecimal() and (last or first).isdecimal() and 1 <= int(first) <= int(last or first) <= len(names):
            return list(range(int(first) - 1, int(last or first)))
        raise InputError(
            f"stage '{which}' of '{self.name}'", expected=f"all, a name, or a number from 1 to {len(names)}",
            do=suggest(which, [*names, "all"]),
        )  # fmt: skip


def train_recipes() -> list[str]:
    """Names of the recipes that come with the toolkit."""
    return shipped(PACKAGE)


def load_train_recipe(name: str | Path) -> TrainRecipe:
    """Load a training recipe by its name, or from a TOML file.

    Raises
    ------
    InputError
        When the name is unknown, or a key or a value in it cannot be used.
    """
    values, where = read_whole(name, PACKAGE, "training recipe")
    return strict(TrainRecipe, values, where)
