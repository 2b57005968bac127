"""The network that is trained is the library's, with less work in its last layer."""

from pathlib import Path

import torch

from training.network import FirstToken, classifier_network

from .tiny_bert import write_tiny_bert


def test_the_last_layer_for_the_first_token_alone_gives_the_librarys_logits(tmp_path: Path) -> None:
    network = classifier_network(write_tiny_bert(tmp_path), dropout=0.0, seed=1).float().eval()
    assert isinstance(network, FirstToken)
    ids = torch.tensor([[3, 7, 8, 9, 4], [3, 10, 4, 0, 0]])
    mask = (ids != 0).long()
    with torch.inference_mode():
        expected = network.model(input_ids=ids, attention_mask=mask).logits
        assert torch.allclose(network(ids, mask), expected, atol=1e-6)


def test_padding_changes_nothing(tmp_path: Path) -> None:
    network = classifier_network(write_tiny_bert(tmp_path), dropout=0.0, seed=1).float().eval()
    alone, padded = torch.tensor([[3, 10, 4]]), torch.tensor([[3, 10, 4, 0, 0]])
    with torch.inference_mode():
        expected = network(alone, torch.ones_like(alone))
        assert torch.allclose(network(padded, (padded != 0).long()), expected, atol=1e-6)


def test_without_dropout_training_and_evaluation_agree(tmp_path: Path) -> None:
    network = classifier_network(write_tiny_bert(tmp_path), dropout=0.0, seed=1)
    ids = torch.tensor([[3, 10, 4]])
    trained = network.train()(ids, torch.ones_like(ids))
    assert torch.equal(trained, network.eval()(ids, torch.ones_like(ids)))
