"""Networks in bfloat16 for training, and the cheap dropout that they train with.

The processor multiplies bfloat16 several times faster than float32, and a network wholly in
bfloat16 spends nothing on casting; the optimiser keeps the exact weights (`optimiser.py`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification

LABELS = ("negative", "neutral", "positive")


class Batch(NamedTuple):
    """Token ids and mask (texts, tokens), int64, and the positions of the texts in the corpus."""

    ids: Tensor
    mask: Tensor
    positions: list[int]


class PooledDropout(nn.Module):
    """Dropout that takes its mask from a pool at a random place.

    Drawing a fresh mask costs as much as the layer around it; the pool repeats itself only after
    millions of values and never at the same offset.
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
        """Return x with some values zeroed and the others scaled up; x itself in evaluation."""
        if not self.training:
            return x
        start = int(torch.randint(0, self.POOL - x.numel(), ()))
        return x * self._pool[start : start + x.numel()].view(x.shape)


def use_pooled_dropout(model: nn.Module, share: float, seed: int) -> None:
    """Replace the dropout layers that drop anything; attention asks its own one for its share."""
    pool = PooledDropout.make_pool(share, torch.bfloat16, seed) if share else None
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Dropout) and child.p > 0:
                setattr(module, name, nn.Identity() if pool is None else PooledDropout(share, pool))


class FirstToken(nn.Module):
    """The library's BERT classifier, returning its logits alone.

    Only the first token of a text reaches the classifier, so the last layer is computed for that
    token alone; this changes no result and saves an eighth of the work.
    """

    def __init__(self, model: nn.Module) -> None:
        """Wrap a BERT model of `AutoModelForSequenceClassification`."""
        super().__init__()
        self.model: Any = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return logits (texts, 3)."""
        bert = self.model.bert
        x: Tensor = bert.embeddings(input_ids=input_ids)
        # (texts, heads, queries, keys); half of the lowest number, so that a sum stays finite.
        hidden = (1 - attention_mask)[:, None, None, :].to(x.dtype) * (torch.finfo(x.dtype).min / 2)
        *layers, last = bert.encoder.layer
        for layer in layers:
            x = _attend(layer, x, x, hidden)
        first = _attend(last, x, x[:, :1], hidden)
        out: Tensor = self.model.classifier(self.model.dropout(bert.pooler(first)))
        return out


def _attend(layer: Any, x: Tensor, asking: Tensor, hidden: Tensor) -> Tensor:
    """Return the layer's output for the tokens `asking`, which attend to the tokens `x`."""
    attention = layer.attention.self

    def heads(linear: nn.Module, tokens: Tensor) -> Tensor:
        size = attention.attention_head_size
        projected: Tensor = linear(tokens)
        return projected.view(*tokens.shape[:2], -1, size).transpose(1, 2)

    query = heads(attention.query, asking) * attention.attention_head_size**-0.5
    # Written out: the fused form takes four times as long backwards in bfloat16 on a processor.
    scores = query @ heads(attention.key, x).transpose(-1, -2) + hidden
    context = scores.softmax(-1) @ heads(attention.value, x)
    attended = layer.attention.output(context.transpose(1, 2).flatten(2), asking)
    out: Tensor = layer.output(layer.intermediate(attended), attended)
    return out


# The eager form: the fused one takes four times as long backwards in bfloat16 on a processor.
_ATTENTION: dict[str, Any] = {
    "attention_probs_dropout_prob": 0.0,
    "attn_implementation": "eager",
}


def classifier_network(weights: Path, dropout: float, seed: int) -> nn.Module:
    """Return the library's classifier on an encoder; everything trains."""
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
    """Return the tokenizer of a model directory, cutting at `max_length` tokens, not padding."""
    tokenizer = Tokenizer.from_file(str(weights / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length)
    return tokenizer


def padding_of(tokenizer: Tokenizer) -> int:
    """Return the id of the padding token, whatever its name."""
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
