"""The forward pass of a BERT classifier over texts of any length, without padding tokens.

All tokens of a batch are rows of one matrix, so every product except attention is one large matrix
product; attention runs on one group of texts of equal length at a time and needs no mask. Only the
first token of a text reaches the classifier, so the last layer computes only that token. Neither
changes the results: it is the library's arithmetic in a different order.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from feedback_app.sentiment.batching import TOKEN_BUDGET, LengthGroup, grouped, padded_row_count
from feedback_app.sentiment.deterministic import multiply_deterministically, nondeterministic_bf16
from feedback_app.sentiment.first_token import FirstTokenAttention


class Linear:
    """A linear layer, weight (out, in) and bias (out), with optional GELU or residual sum.

    With oneDNN the weight is prepacked and bias, GELU and sum are mostly fused into the product;
    otherwise they are separate steps.
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        """Store the parameters; their dtype and device are those of the computation."""
        self._fused = weight.device.type == "cpu" and torch._C._has_mkldnn
        self._bias = bias
        self._weight: Tensor = (
            torch.ops.mkldnn._reorder_linear_weight(weight, TOKEN_BUDGET) if self._fused else weight
        )
        self._out, self._inner = weight.shape
        self._bf16 = self._fused and weight.dtype == torch.bfloat16

    def __call__(self, x: Tensor, gelu: bool = False) -> Tensor:
        """Return (rows, out) for x (rows, in)."""
        if not self._fused:
            product = F.linear(x, self._weight, self._bias)
            return F.gelu(product) if gelu else product

        # In float32 with AVX2, the fused GELU takes twice the time of the separate one.
        fuse_gelu = gelu and x.dtype != torch.float32

        def fused(rows: Tensor) -> Tensor:
            result: Tensor = torch.ops.mkldnn._linear_pointwise(
                rows, self._weight, self._bias, "gelu" if fuse_gelu else "none", [], "none"
            )
            return torch.ops.aten.gelu_(result) if gelu and not fuse_gelu else result

        return multiply_deterministically(fused, self._nondeterministic(), x)

    def _nondeterministic(self) -> frozenset[int]:
        if not self._bf16:
            return frozenset()
        return nondeterministic_bf16(self._inner, self._out, torch.get_num_threads())

    def added_to(self, residual: Tensor, x: Tensor) -> Tensor:
        """Return residual (rows, out) plus the product of x (rows, in)."""
        if not self._fused:
            return residual + F.linear(x, self._weight, self._bias)

        def fused(rows: Tensor, residual_rows: Tensor) -> Tensor:
            # Rounds once, after the sum.
            result: Tensor = torch.ops.mkldnn._linear_pointwise.binary(
                rows, residual_rows, self._weight, self._bias, "add"
            )
            return result

        return multiply_deterministically(fused, self._nondeterministic(), x, residual)


class Norm(NamedTuple):
    """Layer normalisation over the hidden size."""

    weight: Tensor
    bias: Tensor
    eps: float

    def __call__(self, x: Tensor) -> Tensor:
        """Return x (rows, hidden), each row normalised."""
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)


class Layer(NamedTuple):
    """One encoder layer after its self-attention."""

    attention_output: Linear
    attention_norm: Norm
    up: Linear
    down: Linear
    down_norm: Norm


def can_pack(config: Mapping[str, Any]) -> bool:
    """Return whether `PackedBert` gives the library's results for this `config.json`."""
    return (
        config.get("architectures") == ["BertForSequenceClassification"]
        and config.get("hidden_act") == "gelu"
        and config.get("position_embedding_type", "absolute") == "absolute"
        and not config.get("is_decoder")
    )


class PackedBert:
    """A BERT classifier with one dtype on one device."""

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        config: Mapping[str, Any],
        dtype: torch.dtype,
        device: str = "cpu",
    ) -> None:
        """Build the layers from the tensors of `model.safetensors`, under the library's names.

        Raises:
            KeyError: a tensor is missing.
        """
        eps = float(config.get("layer_norm_eps", 1e-12))

        def tensor(name: str, as_dtype: torch.dtype = dtype) -> Tensor:
            return weights[name].to(device=device, dtype=as_dtype).contiguous()

        def linear(*names: str, as_dtype: torch.dtype = dtype) -> Linear:
            return Linear(
                torch.cat([tensor(f"{name}.weight", as_dtype) for name in names]),
                torch.cat([tensor(f"{name}.bias", as_dtype) for name in names]),
            )

        def norm(name: str, as_dtype: torch.dtype = dtype) -> Norm:
            return Norm(tensor(f"{name}.weight", as_dtype), tensor(f"{name}.bias", as_dtype), eps)

        def attention(name: str) -> list[str]:
            return [f"{name}.attention.self.{part}" for part in ("query", "key", "value")]

        def first_token(query: str, key: str, value: str) -> FirstTokenAttention:
            q, k, v = (tensor(f"{one}.weight", torch.float32) for one in (query, key, value))
            k, v = (weight.view(self._heads, -1, weight.shape[1]) for weight in (k, v))
            q_bias, v_bias = (tensor(f"{one}.bias", torch.float32) for one in (query, value))
            return FirstTokenAttention(q, q_bias, k, v.transpose(1, 2).contiguous(), v_bias)

        def layer(name: str) -> Layer:
            return Layer(
                linear(f"{name}.attention.output.dense"),
                norm(f"{name}.attention.output.LayerNorm"),
                linear(f"{name}.intermediate.dense"),
                linear(f"{name}.output.dense"),
                norm(f"{name}.output.LayerNorm"),
            )

        self._dtype = dtype
        self._device = device
        self._heads = int(config["num_attention_heads"])
        # The word embeddings, half of all parameters, keep the smaller dtype of the file.
        self._words = weights["bert.embeddings.word_embeddings.weight"].to(device).contiguous()
        token_types = tensor("bert.embeddings.token_type_embeddings.weight", torch.float32)
        # Not in place: a tensor that is float32 already belongs to the caller.
        self._positions = (
            tensor("bert.embeddings.position_embeddings.weight", torch.float32) + token_types[0]
        )
        self._embedding_norm = norm("bert.embeddings.LayerNorm", torch.float32)
        names = [f"bert.encoder.layer.{index}" for index in range(config["num_hidden_layers"])]
        self._qkv = [linear(*attention(name)) for name in names[:-1]]
        self._last_attention = first_token(*attention(names[-1]))
        self._layers = [layer(name) for name in names]
        # Two small products, in fp32 because they directly determine the probabilities.
        self._pooler = linear("bert.pooler.dense", as_dtype=torch.float32)
        self._classifier = linear("classifier", as_dtype=torch.float32)

    @torch.inference_mode()
    def __call__(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """Return float32 probabilities (texts, classes) for token ids including special tokens.

        Place texts of equal length next to each other for speed; it does not affect the result.
        """
        groups = grouped([len(text) for text in texts])
        x = self._embed(texts, groups)
        for qkv, layer in zip(self._qkv, self._layers[:-1], strict=True):
            x = self._feed_forward(layer, x, self._attend(qkv(x), groups))
        first_rows = torch.cat([torch.arange(g.start, g.stop, g.length) for g in groups])
        padding = padded_row_count(len(first_rows)) - len(first_rows)
        first_rows = F.pad(first_rows, (0, padding)).to(self._device)
        x = self._feed_forward(
            self._layers[-1], x[first_rows], self._last_attention(x, first_rows, groups)
        )
        pooled = torch.tanh(self._pooler(x.float()))
        return F.softmax(self._classifier(pooled), dim=-1)[: len(texts)].cpu()

    def _embed(self, texts: Sequence[Sequence[int]], groups: list[LengthGroup]) -> Tensor:
        ids = torch.tensor(list(chain.from_iterable(texts)), device=self._device)
        ids = F.pad(ids, (0, padded_row_count(len(ids)) - len(ids)))
        x = self._words[ids].float()
        for group in groups:
            rows = x[group.start : group.stop].view(group.texts, group.length, -1)
            rows += self._positions[: group.length]
        return self._embedding_norm(x).to(self._dtype)

    def _attend(self, qkv: Tensor, groups: list[LengthGroup]) -> Tensor:
        """Return the context (rows, hidden) for queries, keys and values (rows, 3 * hidden)."""
        context = qkv.new_empty(len(qkv), qkv.shape[1] // 3)
        context[groups[-1].stop :] = 0
        for start, stop, texts, length in groups:
            # (texts, tokens, q/k/v, heads, size) -> three of (texts, heads, tokens, size)
            rows = qkv[start:stop].view(texts, length, 3, self._heads, -1)
            attended = F.scaled_dot_product_attention(*rows.permute(2, 0, 3, 1, 4))
            context[start:stop] = attended.transpose(1, 2).reshape(stop - start, -1)
        return context

    def _feed_forward(self, layer: Layer, x: Tensor, context: Tensor) -> Tensor:
        x = layer.attention_norm(layer.attention_output.added_to(x, context))
        return layer.down_norm(layer.down.added_to(x, layer.up(x, gelu=True)))
