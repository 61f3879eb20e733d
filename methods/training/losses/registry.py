"""Training losses and adversarial games by name.

Apart from the classes themselves, so that a recipe's or a figure's names can be checked without importing torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from facedeblur.benchmark.registry import Registry

LOSSES: Registry[Callable[..., Any]] = Registry("loss", group="facedeblur.losses")
"""Name -> factory of a `Loss`."""

ADVERSARIES: Registry[Callable[..., Any]] = Registry("adversary", group="facedeblur.adversaries")
"""Name -> factory of an `Adversary`."""

for _name, _place in {
    "l1": "content:L1",
    "l2": "content:L2",
    "charbonnier": "content:Charbonnier",
    "gradient-l1": "content:GradientL1",
    "local-structural": "classes:LocalStructural",
    "parsing": "classes:ParsingLoss",
    "confidence-guided": "confidence:ConfidenceGuided",
    "class-streams": "confidence:ClassStreams",
    "perceptual": "perceptual:Perceptual",
    "feature-priors": "perceptual:FeaturePriors",
    "normal-divergence": "latent:NormalDivergence",
    "between-outputs": "latent:BetweenOutputs",
    "swap": "observations:SwapMeasurement",
    "self-measurement": "observations:SelfMeasurement",
    "proxy": "observations:Proxy",
    "proxy-kernel": "observations:ProxyKernel",
}.items():
    LOSSES.add(_name, f"facedeblur.methods.training.losses.{_place}")

for _name, _place in {"dcgan": "Dcgan", "wgan-gp": "WganGp", "ragan-ls": "RaganLs"}.items():
    ADVERSARIES.add(_name, f"facedeblur.methods.training.losses.adversarial:{_place}")
