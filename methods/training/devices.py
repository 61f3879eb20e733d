"""Devices, precision and several processes, through Lightning Fabric if it is installed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Self

import torch
from torch import Tensor, nn

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import checked


def device_named(name: str) -> torch.device:
    """Return the device that ``auto``, ``cpu``, ``cuda`` or ``cuda:1`` means.

    Raises
    ------
    InputError
        When there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"device '{name}'", expected="auto, cpu, cuda or cuda:N") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise InputError(f"device '{name}' is not available (GPUs found: {count})", do="use --device cpu")
    return device


@checked
@dataclass(frozen=True)
class Hardware:
    """What a training runs on.

    Parameters
    ----------
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    devices : int
        How many GPUs (or processes, on a CPU); more than one takes Lightning Fabric, or torchrun with it.
    strategy : str
        Fabric's name for how they work together.
    channels_last : bool
        Lay tensors out with the channels last, which is faster on most devices.
    loaders : int
        Processes that make batches, see `facedeblur.methods.training.data.batches.batches`; -1 chooses.
    compile : bool
        Train through ``torch.compile``, which takes minutes at first. Checks and weights do not depend on it, but steps
        round differently.
    """

    device: str = "auto"
    devices: int = 1
    strategy: str = "auto"
    channels_last: bool = False
    loaders: int = -1
    compile: bool = False


AUTO = Hardware()
"""One GPU if there is one, else the processor."""


def is_first_process() -> bool:
    """Tell whether this process writes, before an `Engine` is launched; torchrun and Fabric number their processes."""
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))) == 0


class Engine:
    """Where and how a training runs.

    Parameters
    ----------
    hardware : Hardware

    Raises
    ------
    InputError
        When the device is missing, or cannot do what is asked.
    """

    def __init__(self, hardware: Hardware = AUTO):
        self.hardware, device, devices = hardware, hardware.device, hardware.devices
        self.device, self.rank, self.world = device_named(device), 0, 1
        self.precision = "32"
        self._fabric: Any = None
        if find_spec("lightning_fabric") is not None:
            from lightning_fabric import Fabric

            which: Any = [self.device.index or 0] if self.device.type == "cuda" and devices == 1 else devices
            # Precision is ours: a scaler of the network and one of its discriminator, kept in the checkpoint.
            self._fabric = Fabric(accelerator=self.device.type, devices=which, strategy=hardware.strategy)
        elif devices > 1:
            raise InputError(
                f"{devices} devices need Lightning Fabric, which is not installed",
                do="run: pip install 'facedeblur[train]'",
            )  # fmt: skip

    def launch(self) -> None:
        """Start the other processes, or join them under torchrun."""
        if self._fabric is not None:
            self._fabric.launch()
            self.device, self.rank, self.world = self._fabric.device, self._fabric.global_rank, self._fabric.world_size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(together=kind is None)

    def close(self, *, together: bool = True) -> None:
        """Leave the group of processes; without it their threads may end a process.

        Parameters
        ----------
        together : bool
            Wait until all have come here. After an error it is False: the others may never come, and end when this one
            has left.
        """
        if self.world > 1 and torch.distributed.is_initialized():
            if together:
                torch.distributed.barrier()
            torch.distributed.destroy_process_group()

    def set_precision(self, precision: str) -> None:
        """Choose ``32``, ``bf16-mixed`` or ``16-mixed`` for what follows.

        Raises
        ------
        InputError
            For ``16-mixed`` on a CPU.
        """
        if precision == "16-mixed" and self.device.type == "cpu":
            raise InputError("precision 16-mixed needs a GPU", do="use bf16-mixed or 32")
        self.precision = precision

    def new_scaler(self) -> Any:
        """A scaler of losses for one optimiser, None where the precision needs none.

        Each optimiser has its own: with one for all, a discriminator's step would change the scale between the batches
        that a network's step gathers.
        """
        if self.precision != "16-mixed":
            return None
        # torch.amp has none before torch 2.3; the older name warns in newer ones.
        scaler = getattr(torch.amp, "GradScaler", None)
        if scaler is None:
            return torch.cuda.amp.GradScaler(init_scale=2.0**12)
        return scaler(self.device.type, init_scale=2.0**12)

    def autocast(self) -> AbstractContextManager[Any]:
        """Mixed precision for what runs inside."""
        if self.precision == "32":
            return nullcontext()
        kind = torch.bfloat16 if self.precision == "bf16-mixed" else torch.float16
        return torch.autocast(self.device.type, dtype=kind)

    def place(self, module: nn.Module, *, channels_last: bool = False) -> None:
        """Move a module to the device, with the same weights on every rank."""
        module.to(self.device)
        if channels_last:
            module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if self.world > 1:
            for tensor in module.state_dict().values():
                torch.distributed.broadcast(tensor, src=0)

    def backward(self, loss: Tensor, scaler: Any = None) -> None:
        """Add the gradients of `loss`, times the scale of `scaler`."""
        (loss if scaler is None else scaler.scale(loss)).backward()

    def step(
        self, optimiser: torch.optim.Optimizer, weights: Iterable[nn.Parameter], clip: float, scaler: Any = None
    ) -> float:
        """Average gradients over ranks, clip them, change the weights unless the gradient is not finite.

        Parameters
        ----------
        optimiser : Optimizer
        weights : iterable of Parameter
            What it changes.
        clip : float
            The largest norm of the gradient; 0 for any.
        scaler : GradScaler, optional
            That scaled the gradients; it finds its scale by those that are not finite.

        Returns
        -------
        float
            Norm of the gradient before clipping.
        """
        weights = [weight for weight in weights if weight.grad is not None]
        if self.world > 1:
            self._average([weight.grad for weight in weights if weight.grad is not None])
        if scaler is not None:
            scaler.unscale_(optimiser)
        norm = float(torch.nn.utils.clip_grad_norm_(weights, clip or float("inf")))
        if scaler is not None:
            scaler.step(optimiser)
            scaler.update()
        elif norm < float("inf"):
            optimiser.step()
        return norm

    def mean(self, values: Tensor) -> Tensor:
        """The mean over ranks."""
        if self.world > 1:
            torch.distributed.all_reduce(values)
            values = values / self.world
        return values

    def any(self, flag: bool) -> bool:
        """Whether the flag is set on some rank."""
        return flag if self.world == 1 else bool(self.mean(torch.tensor(float(flag), device=self.device)))

    def wait(self) -> None:
        """Until every rank is here."""
        if self.world > 1:
            self._fabric.barrier()

    def _average(self, gradients: list[Tensor]) -> None:
        # By hand rather than by DistributedDataParallel: stages freeze parts, and critics differentiate twice.
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        torch.distributed.all_reduce(flat)
        flat /= self.world
        at = 0
        for gradient in gradients:
            gradient.copy_(flat[at : at + gradient.numel()].view_as(gradient))
            at += gradient.numel()
