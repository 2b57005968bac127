"""The drawing of the imports in docs/architecture.md is what `make imports` writes."""

import pytest

from docs.draw_imports import BEGIN, END, TARGET, drawing, product_graph, render


def test_the_page_has_the_drawing_of_today() -> None:
    page = TARGET.read_text()
    assert page == render(page, product_graph()), "run `make imports`"


def test_an_arrow_that_follows_from_others_is_left_out_and_an_upward_one_is_dotted() -> None:
    graph = {"web": {"kafka", "hop", "models"}, "kafka": {"hop"}, "hop": {"models", "web"}}
    assert drawing(graph).splitlines()[2:-1] == [
        "    web --> kafka",
        "    kafka --> hop",
        "    hop --> models",
        "    hop -.-> web",
    ]


def test_only_what_is_between_the_markers_changes() -> None:
    page = f"before\n{BEGIN}old\n{END}after\n"
    assert render(page, {}) == f"before\n{BEGIN}{drawing({})}{END}after\n"


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="needs the lines"):
        render("no markers", {})
