"""Attention of the last layer, computed for the first token of each text only."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from feedback_app.sentiment.batching import LengthGroup


class FirstTokenAttention(NamedTuple):
    """Attention with the first token of each text as the only query; computes no keys or values.

    A query times a token's key, q (W x + b), is (q W) x plus a constant over the tokens, which
    softmax ignores; a weighted sum of values W x + b is W times the weighted sum of x, plus b. The
    few remaining products are in fp32.
    """

    query: Tensor
    """(hidden, hidden)"""
    query_bias: Tensor
    """(hidden)"""
    key: Tensor
    """(heads, size, hidden)"""
    value: Tensor
    """(heads, hidden, size)"""
    value_bias: Tensor
    """(hidden)"""

    def __call__(self, x: Tensor, first_rows: Tensor, groups: Sequence[LengthGroup]) -> Tensor:
        """Return the context, (first_rows, hidden), in the dtype of x.

        Args:
            x: (rows, hidden).
            first_rows: rows of the first tokens; entries beyond the texts of `groups` are padding.
            groups: the texts in x.
        """
        heads, size, hidden = self.key.shape
        query = F.linear(x[first_rows].float(), self.query, self.query_bias).view(-1, heads, size)
        projected = torch.bmm(query.transpose(0, 1), self.key).transpose(0, 1).to(x.dtype)
        context = torch.zeros_like(projected)
        first = 0
        for group in groups:
            texts = slice(first, first + group.texts)
            rows = x[group.start : group.stop].view(group.texts, 1, group.length, hidden)
            # One attention call over the rows themselves, with the heads as queries.
            context[texts] = F.scaled_dot_product_attention(
                projected[texts, None], rows, rows, scale=size**-0.5
            )[:, 0]
            first += group.texts
        values = torch.bmm(context.float().transpose(0, 1), self.value)
        return (values.transpose(0, 1).reshape(-1, hidden) + self.value_bias).to(x.dtype)
