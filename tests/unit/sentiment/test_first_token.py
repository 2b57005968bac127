"""The first-token attention equals standard attention at each text's first token."""

import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from feedback_app.sentiment.batching import grouped
from feedback_app.sentiment.first_token import FirstTokenAttention

HEADS, SIZE, HIDDEN = 3, 4, 12


@given(
    st.lists(st.integers(min_value=1, max_value=6), min_size=1, max_size=8),
    st.integers(min_value=0, max_value=3),
    st.integers(min_value=0, max_value=1000),
)
def test_it_equals_standard_attention_at_the_first_tokens(
    lengths: list[int], padding: int, seed: int
) -> None:
    random = torch.Generator().manual_seed(seed)
    weights = torch.randn(3, HIDDEN, HIDDEN, generator=random)
    biases = torch.randn(3, HIDDEN, generator=random)
    x = torch.randn(sum(lengths) + padding, HIDDEN, generator=random)
    first_rows = torch.tensor([sum(lengths[:number]) for number in range(len(lengths))])
    attention = FirstTokenAttention(
        weights[0],
        biases[0],
        weights[1].view(HEADS, SIZE, HIDDEN),
        weights[2].view(HEADS, SIZE, HIDDEN).transpose(1, 2),
        biases[2],
    )
    found = attention(x, F.pad(first_rows, (0, padding)), grouped(lengths))
    assert found.shape == (len(lengths) + padding, HIDDEN)
    for row, first, length in zip(found, first_rows.tolist(), lengths, strict=False):
        text = x[first : first + length]
        q, k, v = (
            F.linear(text, weight, bias).view(length, HEADS, SIZE).transpose(0, 1)
            for weight, bias in zip(weights, biases, strict=True)
        )
        expected = F.scaled_dot_product_attention(q[None], k[None], v[None])[0, :, 0].reshape(-1)
        torch.testing.assert_close(row, expected, rtol=1e-3, atol=1e-4)
