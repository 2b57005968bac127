"""The command `feedback score`."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from feedback_app.cli.score import score

FIELDS = {"score", "label", "probabilities"}


@pytest.fixture(autouse=True)
def _settings(small_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FEEDBACK_MODEL", str(small_bert))


def test_each_line_is_written_with_its_score(tmp_path: Path) -> None:
    given: list[dict[str, Any]] = [
        {"text": "love the export", "id": 1},
        {"text": "", "label": 2},
        {"text": "half \ud83d"},
    ]
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(row) + "\n\n" for row in given))
    result = CliRunner().invoke(score, [str(source), "--output", str(tmp_path / "out.jsonl")])
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["text"] for row in rows] == [row["text"] for row in given]
    assert rows[0]["id"] == 1
    for row in rows:
        assert row.keys() >= FIELDS
        p = row["probabilities"]
        assert list(p) == ["negative", "neutral", "positive"]
        assert row["label"] == max(p, key=p.__getitem__)
        assert row["score"] == pytest.approx(p["positive"] + p["neutral"] / 2, abs=2e-6)


def test_invalid_lines_are_reported_and_the_rest_is_scored(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(
        b'{"text": "good"}\noops\n[1]\n{"text": 3}\n\n{"other": "x"}\n\xff\xfe\n{"text": "fine"}\n'
    )
    result = CliRunner().invoke(score, [str(source)])
    assert result.exit_code == 1
    assert [json.loads(line)["text"] for line in result.stdout.splitlines()] == ["good", "fine"]
    for number in (2, 3, 4, 6, 7):
        assert f"line {number}: " in result.stderr
    assert "5 of 7 lines could not be scored" in result.stderr


def test_a_file_may_be_its_own_output(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "good"}\n')
    assert CliRunner().invoke(score, [str(source), "--output", str(source)]).exit_code == 0
    assert json.loads(source.read_text()).keys() >= FIELDS
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_one_text_scores_as_it_does_in_a_file(tmp_path: Path) -> None:
    text = "the new search is great"
    source = tmp_path / "in.jsonl"
    source.write_text(json.dumps({"text": text}) + '\n{"text": "other"}\n')
    lines = CliRunner().invoke(score, [str(source)]).stdout.splitlines()
    result = CliRunner().invoke(score, ["--text", text, "--json"])
    alone = json.loads(result.stdout)
    assert alone["score"] == pytest.approx(json.loads(lines[0])["score"], abs=0.005)
    output = CliRunner().invoke(score, ["--text", text]).stdout
    assert output.startswith(f"{alone['score']:.3f} {alone['label']} (")


@pytest.mark.parametrize(
    "arguments", [[], ["--text", "a", "in.jsonl"], ["in.jsonl", "--json"], ["missing.jsonl"]]
)
def test_a_usage_error_is_status_2(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "in.jsonl").write_text("{}\n")
    assert CliRunner().invoke(score, arguments).exit_code == 2


def test_a_missing_model_is_one_line_and_status_2(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FEEDBACK_MODEL", "/no/such/place")
    result = CliRunner().invoke(score, ["--text", "a"])
    assert result.exit_code == 2
    assert "no such directory" in result.stderr
    assert "Traceback" not in result.output


def test_labels_in_the_input_are_evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEEDBACK_MODEL", "hashing")
    source, scored = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    rows = [{"text": f"text {number}"} for number in range(9)]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = CliRunner().invoke(score, [str(source), "--output", str(scored)])
    assert result.exit_code == 0
    assert "accuracy" not in result.stderr
    predicted = [json.loads(line)["label"] for line in scored.read_text().splitlines()]
    assert len(set(predicted)) > 1
    # One label is wrong, one is invalid and ignored.
    wrong = next(name for name in ("negative", "neutral") if name != predicted[0])
    labels = [wrong, *predicted[1:8], "unsure"]
    labelled = [row | {"label": label} for row, label in zip(rows, labels, strict=True)]
    source.write_text("".join(json.dumps(row) + "\n" for row in labelled))
    result = CliRunner().invoke(score, [str(source), "--output", str(scored)])
    assert "8 labelled texts: accuracy 0.8750, macro recall 0." in result.stderr
    again = CliRunner().invoke(score, [str(scored)])
    assert again.exit_code == 0
    assert "accuracy" not in again.stderr
