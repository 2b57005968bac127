"""Draws the imports between the packages into docs/architecture.md: python -m docs.draw_imports"""

from pathlib import Path

from docs.imports import Graph, layers, module_graph, package_graph

TARGET = Path(__file__).with_name("architecture.md")
BEGIN, END = "<!-- imports: written by `make imports` -->\n", "<!-- end of imports -->\n"
NOT_INSTALLED = {"tests", "benchmarks", "docs", "chaos", "training"}


def reachable(graph: Graph, start: str) -> set[str]:
    """Return what can be reached along the arrows of a graph without circles."""
    found = set(graph.get(start, ()))
    for name in graph.get(start, ()):
        found |= reachable(graph, name)
    return found


def drawing(graph: Graph) -> str:
    """Return the Mermaid text: downward arrows that no others imply, upward ones dotted."""
    level = {name: number for number, line in enumerate(layers()) for name in line}
    order = sorted(graph, key=lambda name: (level.get(name, 0), name))
    down = {
        name: {other for other in graph[name] if level.get(other, 0) > level.get(name, 0)}
        for name in order
    }
    lines = ["```mermaid", "flowchart TD"]
    for name in order:
        implied = set().union(*(reachable(down, other) for other in down[name]))
        for arrow, targets in (("-->", down[name] - implied), ("-.->", graph[name] - down[name])):
            if targets:
                lines.append(f"    {name} {arrow} {' & '.join(sorted(targets))}")
    return "\n".join([*lines, "```\n"])


def render(page: str, graph: Graph) -> str:
    """Return the page with the drawing between its two markers.

    Raises:
        ValueError: a marker is missing.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page needs the lines {BEGIN.strip()} and {END.strip()}")
    return before + begin + drawing(graph) + end + after


def product_graph() -> dict[str, set[str]]:
    """Return the imports between the packages that are installed."""
    return {
        name: imported
        for name, imported in package_graph(module_graph()).items()
        if name not in NOT_INSTALLED
    }


if __name__ == "__main__":
    TARGET.write_text(render(TARGET.read_text(), product_graph()))
