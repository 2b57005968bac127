"""Imports run down the layers of docs/imports.py, and never in a circle."""

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

import pytest

from docs.imports import (
    LAYERS,
    ONLY,
    PRODUCT,
    imports,
    layers,
    module_graph,
    package,
    package_graph,
)

MODULES = module_graph()
LEVEL = {name: level for level, line in enumerate(layers()) for name in line}


def between_packages() -> Iterator[tuple[str, str, str]]:
    """Yield each import from one package into another: both packages, and a line that shows it."""
    for module, imported in sorted(MODULES.items()):
        for name in sorted(imported):
            if package(module) != package(name):
                yield package(module), package(name), f"{module} imports {name}"


def test_every_package_has_its_layer_and_every_name_of_the_layers_exists() -> None:
    assert {package(module) for module in MODULES} == set(LEVEL)
    assert len(LAYERS.split()) == len(LEVEL)


def test_imports_run_down_the_layers() -> None:
    upward = [
        shown
        for importer, imported, shown in between_packages()
        if LEVEL.get(importer, -1) >= LEVEL.get(imported, -1)
    ]
    assert not upward, "\n".join(upward)


def test_what_stands_apart_imports_nothing_else() -> None:
    beyond = [
        shown
        for importer, imported, shown in between_packages()
        if importer in ONLY and imported not in ONLY[importer].split()
    ]
    assert not beyond, "\n".join(beyond)


def siblings(parent: str) -> dict[str, set[str]]:
    """Return the imports between the modules and packages right below `parent`.

    The package's own `__init__` counts as one of them, under the name of the package.
    """
    depth = parent.count(".") + 2
    graph: dict[str, set[str]] = {}
    for module, imported in MODULES.items():
        if f"{module}.".startswith(f"{parent}."):
            own = ".".join(module.split(".")[:depth])
            near = {name for name in imported if f"{name}.".startswith(f"{parent}.")}
            graph.setdefault(own, set()).update(
                {".".join(name.split(".")[:depth]) for name in near} - {own}
            )
    return graph


def circle(graph: Mapping[str, set[str]]) -> str:
    """Return a circle as `a -> b -> a`, empty where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        # The sorter has its edges the other way round.
        return " -> ".join(reversed(error.args[1]))
    return ""


def test_there_is_no_circle_between_packages() -> None:
    assert circle(package_graph(MODULES)) == ""


PARENTS = sorted({name.rpartition(".")[0] for name in MODULES} - {"", PRODUCT})


@pytest.mark.parametrize("parent", PARENTS)
def test_there_is_no_circle_within_a_package(parent: str) -> None:
    assert circle(siblings(parent)) == ""


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import a.b", {"a.b"}),
        ("from a import b", {"a.b"}),
        ("from a.b import name", {"a.b"}),
        ("from a import name", {"a"}),
        ("def later():\n    from a import b", {"a.b"}),
        ("if TYPE_CHECKING:\n    import a", {"a"}),
        ("import os\nfrom elsewhere import a", set()),
    ],
)
def test_every_way_to_import_is_seen(source: str, found: set[str]) -> None:
    assert set(imports(source, ["a", "a.b"])) == found
