"""The networks, in bfloat16 for training, and a cheap dropout.

The CPU multiplies bfloat16 several times faster than float32, and a network wholly in bfloat16
needs no casts; the optimiser keeps float32 master weights (`optimiser.py`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoModel, AutoModelForSequenceClassification

LABELS = ("negative", "neutral", "positive")
FROZEN_LAYERS = 4
"""Layers of the teacher that are not trained, counted from the embeddings."""


class Batch(NamedTuple):
    """Token ids and mask (texts, tokens), int64, and the positions of the texts in the corpus."""

    ids: Tensor
    mask: Tensor
    positions: list[int]


class PooledDropout(nn.Module):
    """Dropout whose mask is a slice of a pool at a random offset.

    Drawing a fresh mask costs as much as the layer around it.
    """

    POOL = 1 << 23

    def __init__(self, share: float, pool: Tensor) -> None:
        """Drop `share` of the values by the mask values in `pool` (0 or 1 / (1 - share))."""
        super().__init__()
        self.share = share
        self._pool = pool

    @classmethod
    def make_pool(cls, share: float, dtype: torch.dtype, seed: int) -> Tensor:
        """Return POOL mask values."""
        generator = torch.Generator().manual_seed(seed)
        keep = torch.rand(cls.POOL, generator=generator) >= share
        return (keep / (1 - share)).to(dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Return x with dropout applied; x itself in evaluation."""
        if not self.training:
            return x
        start = int(torch.randint(0, self.POOL - x.numel(), ()))
        return x * self._pool[start : start + x.numel()].view(x.shape)


def use_pooled_dropout(model: nn.Module, share: float, seed: int) -> None:
    """Replace every dropout layer with a share above 0."""
    pool = PooledDropout.make_pool(share, torch.bfloat16, seed)
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Dropout) and child.p > 0:
                setattr(module, name, PooledDropout(share, pool))


class MeanPooled(nn.Module):
    """An encoder with a classifier on its mean-pooled tokens."""

    def __init__(self, encoder: nn.Module, hidden: int, dropout: float) -> None:
        """Put three outputs on the encoder."""
        super().__init__()
        self.encoder = encoder
        self.dense = nn.Linear(hidden, hidden)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(hidden, len(LABELS))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return logits (texts, 3)."""
        x = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        weights = attention_mask.unsqueeze(-1).to(x.dtype)
        mean = (x * weights).sum(1) / weights.sum(1)
        out: Tensor = self.classifier(self.dropout(torch.tanh(self.dense(mean))))
        return out


class FirstToken(nn.Module):
    """The library's sequence classifier, returning its logits alone."""

    def __init__(self, model: nn.Module) -> None:
        """Wrap a model of `AutoModelForSequenceClassification`."""
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return logits (texts, 3)."""
        out: Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return out


# Eager: the backward pass of the fused one takes four times as long in bfloat16 on a CPU.
_ATTENTION: dict[str, Any] = {
    "attention_probs_dropout_prob": 0.0,
    "attn_implementation": "eager",
}


def teacher_network(weights: Path, dropout: float, seed: int) -> nn.Module:
    """Return a mean-pooled MPNet classifier, its embeddings and lowest layers frozen."""
    torch.manual_seed(seed)
    encoder = AutoModel.from_pretrained(weights, add_pooling_layer=False, **_ATTENTION)
    encoder.embeddings.requires_grad_(False)
    encoder.encoder.layer[:FROZEN_LAYERS].requires_grad_(False)
    # Shared by all layers: training it would backpropagate through the frozen ones.
    encoder.encoder.relative_attention_bias.requires_grad_(False)
    model = MeanPooled(encoder, encoder.config.hidden_size, dropout)
    use_pooled_dropout(model, dropout, seed)
    return model.bfloat16()


def student_network(weights: Path, dropout: float, seed: int) -> nn.Module:
    """Return the library's classifier, with every weight trainable."""
    torch.manual_seed(seed)
    model = AutoModelForSequenceClassification.from_pretrained(
        weights,
        num_labels=len(LABELS),
        id2label=dict(enumerate(LABELS)),
        label2id={label: index for index, label in enumerate(LABELS)},
        **_ATTENTION,
    )
    use_pooled_dropout(model, dropout, seed)
    return FirstToken(model).bfloat16()


def tokenizer_of(weights: Path, max_length: int) -> Tokenizer:
    """Return the tokenizer of a model directory, truncating at `max_length`, without padding."""
    tokenizer = Tokenizer.from_file(str(weights / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length)
    return tokenizer


def padding_of(tokenizer: Tokenizer) -> int:
    """Return the id of the padding token; raises ValueError where there is none."""
    for name in ("[PAD]", "<pad>"):
        token: int | None = tokenizer.token_to_id(name)
        if token is not None:
            return token
    raise ValueError("the tokenizer has no padding token")


def pad(ids: Sequence[Sequence[int]], padding: int) -> tuple[Tensor, Tensor]:
    """Return ids and mask (texts, longest), int64."""
    longest = max(len(text) for text in ids)
    padded = [[*text, *[padding] * (longest - len(text))] for text in ids]
    mask = [[1] * len(text) + [0] * (longest - len(text)) for text in ids]
    return torch.tensor(padded), torch.tensor(mask)
