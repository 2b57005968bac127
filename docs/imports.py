"""Which package imports which, read from the source: `LAYERS` and `ONLY` say what is allowed."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
PRODUCT = "feedback_app"

# A package imports from the lines below its own, never from above and never from its own line.
LAYERS = """
    tests
    benchmarks docs
    chaos training
    feedback_app __main__
    worker
    cli
    demo runtime
    agents doctor
    health web
    load_settings
    alerting
    sources
    sentiment stats
    dedupe_store slack
    kafka
    broker hop sandbox
    settings
    backoff clock durations
    models
"""
# These import nothing of the project but what stands here.
ONLY = {
    "hop": "backoff clock models",
    "broker": "settings",
    "sandbox": "",
    "settings": "durations models",
    "models": "",
    "training": "sentiment",
}

Graph = Mapping[str, set[str]]


def layers() -> list[list[str]]:
    """Return the lines of `LAYERS`, the top first."""
    return [line.split() for line in LAYERS.strip().splitlines()]


def files() -> dict[str, Path]:
    """Return {module: file} of the whole project; a package's module is its `__init__`."""
    tops = {name for line in layers() for name in line}
    found = {}
    for file in sorted(file for top in tops for file in (ROOT / top).rglob("*.py")):
        parts = file.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def package(module: str) -> str:
    """Return the name in `LAYERS` of the package, or module beside the packages, of a module."""
    top, *below = module.split(".")
    return below[0] if top == PRODUCT and below else top


def imports(source: str, known: Iterable[str]) -> Iterator[str]:
    """Yield the known modules that a source imports, inside functions and for types too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                if name in known or node.module in known:
                    yield name if name in known else node.module


def module_graph() -> dict[str, set[str]]:
    """Return {module: modules that it imports}."""
    every = files()
    return {name: {*imports(file.read_text(), every)} - {name} for name, file in every.items()}


def package_graph(modules: Graph) -> dict[str, set[str]]:
    """Return {package: other packages that it imports}."""
    found: dict[str, set[str]] = {}
    for module, imported in modules.items():
        own = package(module)
        found.setdefault(own, set()).update({package(name) for name in imported} - {own})
    return found
