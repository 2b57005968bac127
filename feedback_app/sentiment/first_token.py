"""The last layer's attention, of which only what each text's first token gathers is used."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from feedback_app.sentiment.batching import Group


class FirstTokenAttention(NamedTuple):
    """Attention whose only query is the first token of each text; it makes no keys and no values.

    A query times a token's key, q (W x + b), is (q W) x plus what is the same for all tokens, which
    softmax ignores; a weighted sum of values W x + b is W times the weighted sum of x, plus b. The
    few products that are left are in fp32.
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

    def __call__(self, x: Tensor, firsts: Tensor, groups: Sequence[Group]) -> Tensor:
        """Return what is gathered, (firsts, hidden), in the format of x.

        Args:
            x: (rows, hidden).
            firsts: rows of the first tokens; those beyond the texts of the groups are padding.
            groups: the texts in x.
        """
        heads, size, hidden = self.key.shape
        query = F.linear(x[firsts].float(), self.query, self.query_bias).view(-1, heads, size)
        asked = torch.bmm(query.transpose(0, 1), self.key).transpose(0, 1).to(x.dtype)
        gathered = torch.zeros_like(asked)
        first = 0
        for group in groups:
            some = slice(first, first + group.texts)
            rows = x[group.start : group.stop].view(group.texts, 1, group.length, hidden)
            # One attention over the rows themselves, in which the heads are the queries.
            gathered[some] = F.scaled_dot_product_attention(
                asked[some, None], rows, rows, scale=size**-0.5
            )[:, 0]
            first += group.texts
        values = torch.bmm(gathered.float().transpose(0, 1), self.value)
        return (values.transpose(0, 1).reshape(-1, hidden) + self.value_bias).to(x.dtype)
