"""The teacher's outputs by digest."""

from pathlib import Path

import torch
from safetensors.torch import load_file

from training import outputs


def test_outputs_come_back_for_their_texts_in_any_order(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(20)]
    logits = torch.arange(60).view(20, 3).float()
    path = tmp_path / "outputs.safetensors"
    outputs.write(path, texts, logits)
    found = outputs.read(path, [*reversed(texts), "unseen"])
    assert torch.equal(found[:-1], logits.flip(0))
    assert found[-1].isnan().all()


def test_what_is_shipped_is_small_and_holds_no_text() -> None:
    assert outputs.SHIPPED.stat().st_size < 2_000_000
    stored = load_file(outputs.SHIPPED)
    assert set(stored) == {"digest", "logits"}
    assert stored["logits"].shape == (len(stored["digest"]), 3)
    assert stored["logits"].isfinite().all()
    assert len(set(stored["digest"].tolist())) > 50_000
