"""AdamW on float32 master weights of a bfloat16 network, with their moving average."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

_NO_DECAY = ("bias", "LayerNorm.weight")


@dataclass(frozen=True)
class Schedule:
    """The learning rate: linear warm-up, then cosine decay to zero."""

    peak: float
    steps: int
    warmup: float = 0.06

    def at(self, step: int) -> float:
        """Return the rate of a step, counted from 0."""
        warm = max(1, round(self.steps * self.warmup))
        if step < warm:
            return self.peak * (step + 1) / warm
        done = (step - warm) / max(1, self.steps - warm)
        return self.peak * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def depth(name: str, layers: int) -> int:
    """Return the layers between a parameter and the head: 0 to layers + 1 (embeddings)."""
    parts = name.split(".")
    if "layer" in parts:
        return layers - int(parts[parts.index("layer") + 1])
    return layers + 1 if "embeddings" in parts or "relative_attention_bias" in parts else 0


class MasterAdamW:
    """Keeps float32 masters of the trainable weights; the network gets them rounded.

    A step below the resolution of bfloat16 would be lost on the network's own weights.
    """

    def __init__(
        self,
        model: nn.Module,
        layers: int,
        layer_decay: float,
        weight_decay: float,
        average: float | None = None,
    ) -> None:
        """Copy the trainable weights.

        Args:
            model: the network; its parameters with `requires_grad` are trained.
            layers: layers of its encoder.
            layer_decay: factor on the learning rate per layer below the head.
            weight_decay: decoupled decay of all but biases and norms.
            average: decay per step of the exponential moving average, None for no average.
        """
        named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
        self.names = [name for name, _ in named]
        self._weights = [p for _, p in named]
        self.masters = [p.detach().float().clone() for _, p in named]
        self.averages = [m.clone() for m in self.masters] if average else None
        self._average = average or 0.0
        groups = [
            {
                "params": [master],
                "weight_decay": 0.0 if name.endswith(_NO_DECAY) else weight_decay,
                "scale": layer_decay ** depth(name, layers),
            }
            for name, master in zip(self.names, self.masters, strict=True)
        ]
        self._adam = torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.98), fused=True)

    def step(self, rate: float, step: int, clip: float = 1.0) -> None:
        """Apply the gradients of the network at learning rate `rate` and clear them."""
        for weight, master in zip(self._weights, self.masters, strict=True):
            master.grad = None if weight.grad is None else weight.grad.float()
            weight.grad = None
        torch.nn.utils.clip_grad_norm_(self.masters, clip)
        for group in self._adam.param_groups:
            group["lr"] = rate * group["scale"]
        self._adam.step()
        with torch.no_grad():
            for weight, master in zip(self._weights, self.masters, strict=True):
                weight.copy_(master)
                master.grad = None
            if self.averages is not None:
                # A lower decay at first, or the untrained weights would dominate the average.
                decay = min(self._average, (1 + step) / (10 + step))
                torch._foreach_lerp_(self.averages, self.masters, 1 - decay)

    def state(self) -> dict[str, Any]:
        """Return the state for `load`."""
        return {
            "masters": self.masters,
            "averages": self.averages,
            "adam": self._adam.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Resume from a `state`."""
        with torch.no_grad():
            for weight, master, saved in zip(
                self._weights, self.masters, state["masters"], strict=True
            ):
                master.copy_(saved)
                weight.copy_(saved)
            if self.averages is not None and state["averages"] is not None:
                for mine, saved in zip(self.averages, state["averages"], strict=True):
                    mine.copy_(saved)
        self._adam.load_state_dict(state["adam"])

    def result(self) -> dict[str, Tensor]:
        """Return the trained weights by name, float32: the moving average if there is one."""
        return dict(zip(self.names, self.averages or self.masters, strict=True))
