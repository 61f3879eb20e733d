"""One stage of a training: its network, losses, optimiser and discriminator, and one step of them."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.nets.base import DISCRIMINATORS, make_discriminator
from facedeblur.methods.training.checkpoint import Checkpoint, flattened, load_weights, restore
from facedeblur.methods.training.devices import Engine
from facedeblur.methods.training.losses.adversarial import Scores, make_adversary
from facedeblur.methods.training.losses.base import Loss, fetch, fetch_target, make_loss
from facedeblur.methods.training.losses.targets import DRAWINGS, Targets
from facedeblur.methods.training.observed import outputs_of_two
from facedeblur.methods.training.optimisers import Average, choose_weights, make_optimiser, set_rate, share
from facedeblur.methods.training.recipe import AdversaryRecipe, Stage


class Diverged(Exception):
    """A loss or a gradient is not finite; the weights are still those before the step."""


class StageRun:
    """What changes during a stage.

    Parameters
    ----------
    stage : Stage
    net : nn.Module
        Already on the device.
    engine : Engine
    seed : int
        Of dropout and other draws: each step has its own, so that resuming changes nothing.
    size : (height, width), optional
        Of the images, for a discriminator that takes one size only.
    """

    def __init__(
        self, stage: Stage, net: nn.Module, engine: Engine, *, seed: int = 0, size: tuple[int, int] | None = None
    ):
        self.stage, self.net, self.engine, self.seed = stage, net, engine, seed
        choose_weights(net, stage.train, stage.freeze)
        self.losses: dict[str, tuple[float, Loss]] = {}
        self.notes: list[str] = []
        for term in stage.losses:
            loss = make_loss(term.name, term.options).to(engine.device)
            loss.requires_grad_(False)
            loss.bind(net)
            of = term.options.get("of", "restored")
            name = term.name if of == "restored" else f"{term.name} {of}"
            self.losses[name if name not in self.losses else f"{name} {len(self.losses)}"] = (term.weight, loss)
            self.notes += [note if note not in self.notes else f"{note} {name}" for note in loss.notes]
        self.targets = Targets(stage, [loss for _, loss in self.losses.values()])
        self._taken = set(inspect.signature(self.net.outputs).parameters)  # type: ignore[arg-type]
        if stage.until and "until" not in self._taken:
            raise InputError(f"stage '{stage.name}' sets 'until', but the network has no stages to stop after")
        if stage.observations == 2 and "sharp" in self._taken:
            raise InputError(f"stage '{stage.name}' has no sharp faces, which the network reads in training")
        outputs_of: Any = net.outputs
        self._outputs_of: Any = torch.compile(outputs_of) if engine.hardware.compile else outputs_of
        self.optimiser = make_optimiser(stage.optimiser, net)
        self.scaler = engine.new_scaler()
        self.average = Average(net, stage.ema) if stage.ema else None
        self.opponent: Opponent | None = None
        if stage.adversary is not None:
            torch.manual_seed(self._seed("discriminator"))
            self.opponent = Opponent(stage.adversary, engine, size=size)
        self._draws = torch.Generator()

    @property
    def best(self) -> nn.Module:
        """The network that is validated and exported: the averaged one where there is an average."""
        return self.net if self.average is None else self.average.net

    @property
    def columns(self) -> list[str]:
        """Names of the numbers that `step` gives."""
        rival = ["adversarial", "discriminator"] if self.opponent is not None else []
        return ["loss", *self.losses, *self.notes, *rival, "gradient", "rate"]

    def step(self, number: int, batches: Iterator[Mapping[str, Tensor]]) -> dict[str, float]:
        """Take optimiser step `number`, from 0.

        Raises
        ------
        Diverged
            When the loss or its gradient is not finite; weights and averages are left as they were.
        """
        stage, engine = self.stage, self.engine
        torch.manual_seed(self._seed(str(number), engine.rank))
        self._draws.manual_seed(self._seed(f"{number} critic", engine.rank))
        factor = share(stage.schedule, number, stage.iterations)
        rate = set_rate(self.optimiser, factor)
        if self.opponent is not None:
            set_rate(self.opponent.optimiser, factor)
        self.optimiser.zero_grad(set_to_none=True)
        sums = torch.zeros(len(self.columns) - 2, dtype=torch.float64, device=engine.device)
        for turn in range(stage.accumulate):
            sums += self._one(self._given(next(batches), f"{number} {turn}")) / stage.accumulate
        values = dict(zip(self.columns, engine.mean(sums).tolist(), strict=False))
        if not all(abs(value) < float("inf") for value in values.values()):
            raise Diverged(next(f"{key} is {value}" for key, value in values.items() if not abs(value) < float("inf")))
        weights = [weight for group in self.optimiser.param_groups for weight in group["params"]]
        norm = engine.step(self.optimiser, weights, stage.clip, self.scaler)
        # A scaler finds its scale by such gradients, and skips the step.
        if not norm < float("inf") and self.scaler is None:
            raise Diverged(f"gradient is {norm}")
        if self.average is not None:
            self.average.update(self.net, number)
        return values | {"gradient": norm, "rate": rate}

    def _given(self, batch: Mapping[str, Tensor], place: str) -> Mapping[str, Tensor]:
        """The batch, or in the share of them that is not blurred the sharp faces in place of the blurred ones."""
        if self._seed(f"{place} input", self.engine.rank) < self.stage.blurred * 2**56:
            return batch
        given = {**batch, "blurred": batch["sharp"]}
        if "kernels" in batch:
            middle = batch["kernels"].shape[-1] // 2
            given["kernels"] = torch.zeros_like(batch["kernels"])
            given["kernels"][:, middle, middle] = 1
        return given

    def _one(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Add the gradients of one batch; return its losses in the order of `columns`."""
        stage, engine = self.stage, self.engine
        batch = self.targets(batch)
        with engine.autocast():
            outputs = self.outputs(self.net, batch)
        critic = self.opponent.learn(outputs, batch, draws=self._draws) if self.opponent is not None else 0.0
        total = torch.zeros((), device=engine.device)
        parts: list[Tensor] = []
        with engine.autocast():
            for weight, loss in self.losses.values():
                parts.append(loss(outputs, batch))
                total = total + weight * parts[-1]
            for _, loss in self.losses.values():
                parts += loss.noted(outputs, batch)
            if self.opponent is not None and stage.adversary is not None:
                parts.append(self.opponent.loss(outputs, batch))
                total = total + stage.adversary.weight * parts[-1]
        if not total.requires_grad:
            raise InputError(
                f"stage '{stage.name}': no loss depends on the trained parts", do="train a part that a loss depends on"
            )  # fmt: skip
        engine.backward(total / stage.accumulate, self.scaler)
        numbers = [total.detach(), *(part.detach() for part in parts)]
        if self.opponent is not None:
            numbers.append(torch.tensor(critic, device=engine.device))
        return torch.stack([number.double() for number in numbers])

    def outputs(self, net: nn.Module, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What the network makes of a batch in this stage, in float32."""
        given: dict[str, Any] = {"labels": batch.get("labels")}
        if "sharp" in self._taken:
            given["sharp"] = batch["sharp"]
        if self.stage.until:
            given["until"] = self.stage.until
        outputs_of: Any = self._outputs_of if net is self.net and torch.is_grad_enabled() else net.outputs

        def made(images: Tensor, kernels: Tensor | None) -> dict[str, Tensor]:
            return {name: value.float() for name, value in outputs_of(images, kernels=kernels, **given).items()}

        if "second_blurred" in batch:
            return outputs_of_two(made, batch, self.stage.proxies)
        return made(batch[self.stage.input], batch.get("kernels"))

    def restored(self, blurred: Tensor, labels: Tensor | None = None) -> Tensor:
        """What `best` makes of blurred images as far as this stage goes; `labels` for a network that reads them."""
        given: dict[str, Any] = {} if labels is None else {"labels": labels}
        if not self.stage.until:
            restored: Tensor = self.best(blurred, **given)
            return restored
        outputs_of: Any = self.best.outputs
        found: dict[str, Tensor] = outputs_of(blurred, until=self.stage.until, **given)
        return found["restored"]

    @property
    def drawing(self) -> tuple[str, str] | None:
        """The output that this stage stops after, and its target, if these are drawings, which restore nothing yet."""
        for term in self.stage.losses:
            of, target = term.options.get("of"), term.options.get("target")
            if of == self.stage.until and target in DRAWINGS:
                return str(of), str(target)
        return None

    def drawn(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """What `best` draws of a batch, and what it should have drawn, (N, 1, H, W) each; see `drawing`."""
        if self.drawing is None:
            raise InputError(f"stage '{self.stage.name}' draws nothing", do="take its restored images")
        of, target = self.drawing
        whole = self.targets(batch)
        return self.outputs(self.best, whole)[of], whole[target].float()

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything that changes: tensors, and what JSON holds."""
        tensors, numbers = flattened(self.optimiser, "optimiser")
        header: dict[str, Any] = {"optimiser": numbers}
        nets = {"network": self.net}
        if self.average is not None:
            nets["average"] = self.average.net
        if self.opponent is not None:
            nets["discriminator"] = self.opponent.net
            more, header["critic"] = flattened(self.opponent.optimiser, "critic")
            tensors |= more
        for name, net in nets.items():
            tensors |= {f"{name}.{key}": value for key, value in net.state_dict().items()}
        header |= {name: scaler.state_dict() for name, scaler in self._scalers().items()}
        return tensors, header

    def go_on(self, kept: Checkpoint) -> None:
        """Put back what `state` gave."""
        load_weights(self.net, kept.part("network"), str(kept.path))
        restore(self.optimiser, kept, "optimiser")
        if self.average is not None:
            load_weights(self.average.net, kept.part("average"), str(kept.path))
        if self.opponent is not None:
            load_weights(self.opponent.net, kept.part("discriminator"), str(kept.path))
            restore(self.opponent.optimiser, kept, "critic")
        for name, scaler in self._scalers().items():
            scaler.load_state_dict(kept.header[name])

    def inherit(self, before: Checkpoint) -> bool:
        """Take the discriminator of the stage before, and the state of its optimiser, if it is the same one.

        Parameters
        ----------
        before : Checkpoint
            The end of that stage.

        Returns
        -------
        bool
            Whether this stage trains that discriminator further, at its own rate.
        """
        if self.opponent is None:
            return False
        what = json.loads(json.dumps(asdict(self.opponent.what)))
        was = before.header["recipe"]["stage"].get("adversary")
        tensors = before.part("discriminator")
        shapes = {name: value.shape for name, value in self.opponent.net.state_dict().items()}
        if not was or any(was[key] != what[key] for key in ("discriminator", "config", "of", "target")):
            return False
        if {name: value.shape for name, value in tensors.items()} != shapes:
            return False
        load_weights(self.opponent.net, tensors, str(before.path))
        optimiser = self.opponent.optimiser
        if was["optimiser"]["kind"] == what["optimiser"]["kind"]:
            own = [{key: value for key, value in group.items() if key != "params"} for group in optimiser.param_groups]
            restore(optimiser, before, "critic")
            for group, settings in zip(optimiser.param_groups, own, strict=True):
                group.update(settings)
        return True

    def _scalers(self) -> dict[str, Any]:
        found = {"scaler": self.scaler, "critic scaler": self.opponent.scaler if self.opponent is not None else None}
        return {name: scaler for name, scaler in found.items() if scaler is not None}

    def _seed(self, what: str, rank: int = 0) -> int:
        text = f"{self.seed} {self.stage.name} {what} {rank}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "little")


class Opponent:
    """A discriminator in training.

    Parameters
    ----------
    what : AdversaryRecipe
    engine : Engine
        On whose device it is put.
    size : (height, width), optional
        Of what is trained on: of a discriminator with a setting ``size``, that is the side unless `what` has it.
    """

    def __init__(self, what: AdversaryRecipe, engine: Engine, *, size: tuple[int, int] | None = None):
        self.what, self.engine = what, engine
        self.game = make_adversary(what.kind, what.options)
        self.steps = what.critic_steps or self.game.critic_steps
        config: dict[str, Any] = dict(what.config)
        sized = "size" in inspect.signature(DISCRIMINATORS.get(what.discriminator)).parameters
        if size is not None and size[0] == size[1] and sized:
            config.setdefault("size", size[0])
        self.net = make_discriminator(what.discriminator, **config)
        engine.place(self.net)
        self.net.train()
        self.optimiser = make_optimiser(what.optimiser, self.net)
        self.scaler = engine.new_scaler()

    def learn(
        self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor], *, draws: torch.Generator | None = None
    ) -> float:
        """Take its steps on one batch; return its loss, the mean over them.

        Parameters
        ----------
        outputs, batch : mapping of Tensor
            What the network made, and of what; the names of `of` and `target` are judged.
        draws : torch.Generator, optional
            Of the CPU, where a gradient penalty draws from.
        """
        fake = [fetch(outputs, name, "network output").detach() for name in self.what.of]
        real = self._real(batch)
        total = 0.0
        self.net.requires_grad_(True)
        for _ in range(self.steps):
            self.optimiser.zero_grad(set_to_none=True)
            with self.engine.autocast():
                loss = self.game.discriminator_loss(self._judge(real), self._judge(fake))
            loss = loss + self.game.gradient_penalty(self.net, real, fake, generator=draws)
            self.engine.backward(loss, self.scaler)
            self.engine.step(self.optimiser, self.net.parameters(), 0.0, self.scaler)
            total += float(loss.detach())
        self.net.requires_grad_(False)
        return total / self.steps

    def loss(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        """The adversarial loss of the network, before its weight."""
        fake = self._judge([fetch(outputs, name, "network output") for name in self.what.of])
        if not self.game.generator_needs_real:
            return self.game.generator_loss(None, fake)
        with torch.no_grad():
            real = self._judge(self._real(batch))
        return self.game.generator_loss(real, fake)

    def _real(self, batch: Mapping[str, Tensor]) -> list[Tensor]:
        return [fetch_target(batch, name, "bicubic").detach() for name in self.what.target]

    def _judge(self, pictures: list[Tensor]) -> Scores:
        scores: Scores = self.net(*pictures)
        return scores
