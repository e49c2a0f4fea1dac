"""The command line, as a process: tables in and out, exit status, one line for every error, nothing half written."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_predict import NO, OTHER, YES

from stance.modelfolder import locate

ADDED = ["stance", "score", "supporting", "opposing", "neutral", "topic", "windows", "model"]


def one_line(done, status: int, *words: str) -> None:
    assert done.returncode == status, done.stderr
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("stance: "), done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_statements_as_arguments(cli):
    done = cli("predict", YES, NO)
    assert done.returncode == 0 and done.stderr == ""
    assert [line.split()[0] for line in done.stdout.splitlines()[:1]] == ["statement"]
    assert "supporting" in done.stdout and "opposing" in done.stdout


def test_markup_in_a_statement_is_text(cli):
    done = cli("predict", r"We will send soldiers \[/x] to Ukraine [bold] :warning:")
    assert done.returncode == 0 and done.stderr == ""
    assert r"\[/x] to Ukraine [bold] :warning:" in done.stdout


def test_json_lines(cli):
    done = cli("predict", YES, NO, "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["stance"] for row in rows] == ["supporting", "opposing"]
    assert list(rows[0]) == ["text", *ADDED]


def test_pipe(cli):
    rows = [{"text": YES, "n": 1}, {"text": NO, "n": 2}]
    done = cli("predict", "--input", "-", "--output", "-", input="".join(json.dumps(row) + "\n" for row in rows))
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["n"], row["stance"]) for row in found] == [(1, "supporting"), (2, "opposing")]
    assert done.stderr == ""


def test_a_pipe_is_answered_row_by_row():
    """The answer to the first row comes before the second row is written."""
    command = [sys.executable, "-m", "stance", "predict", "--input", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        for text, expected in [(YES, "supporting"), (NO, "opposing")]:
            process.stdin.write(json.dumps({"text": text}) + "\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["stance"] == expected
        process.stdin.close()
        assert process.wait() == 0


def table(path: Path, rows: list[dict], encoding: str = "utf-8", delimiter: str = ",") -> Path:
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding=encoding)
    elif path.suffix == ".parquet":
        import pandas as pd

        pd.DataFrame(rows).to_parquet(path)
    else:
        out = io.StringIO()
        writer = csv.DictWriter(out, rows[0], delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
        path.write_text(out.getvalue(), encoding=encoding)
    return path


def read(path: Path) -> list[dict]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    if path.suffix == ".parquet":
        import pandas as pd

        return pd.read_parquet(path).to_dict("records")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","))


ROWS = [{"id": "a", "text": YES, "label": "gold"}, {"id": "b", "text": NO, "label": ""}, {"id": "c", "text": OTHER, "label": "x"}]


@pytest.mark.parametrize("source", ["in.jsonl", "in.csv", "in.tsv", "in.parquet", "bom.csv", "semicolon.csv"])
@pytest.mark.parametrize("result", ["out.jsonl", "out.csv", "out.tsv", "out.parquet"])
def test_every_format_to_every_format(cli, tmp_path, source, result):
    encoding = "utf-8-sig" if source == "bom.csv" else "utf-8"
    delimiter = {"semicolon.csv": ";", "in.tsv": "\t"}.get(source, ",")
    path = table(tmp_path / source, ROWS, encoding, delimiter)
    done = cli("predict", "--input", path, "--output", tmp_path / result)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    found = read(tmp_path / result)
    assert list(found[0]) == ["id", "text", "label", *ADDED]
    assert [row["stance"] for row in found] == ["supporting", "opposing", "neutral"]
    assert [{key: row[key] for key in ROWS[0]} for row in found] == ROWS
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([source, result])


def test_columns_that_only_later_rows_have_are_kept(cli, tmp_path):
    path = table(tmp_path / "in.jsonl", [{"text": YES}, {"text": "I would.", "context": "Would she send medics to Ukraine?"}])
    assert cli("predict", "--input", path, "--output", tmp_path / "out.csv").returncode == 0
    assert [row["context"] for row in read(tmp_path / "out.csv")] == ["", "Would she send medics to Ukraine?"]


def test_bad_rows_are_set_aside_and_the_rest_is_done(cli, tmp_path):
    lines = [json.dumps({"text": YES}), "{broken", json.dumps({"text": "  "}), json.dumps({"text": None}), json.dumps(["x"])]
    (tmp_path / "in.jsonl").write_text("\n".join([*lines, json.dumps({"text": NO})]) + "\n")
    done = cli("predict", "--input", tmp_path / "in.jsonl", "--output", tmp_path / "out.jsonl")
    one_line(done, 3, "4 of 6 rows rejected", "line 2", "out.jsonl.rejects.jsonl")
    assert [row["stance"] for row in read(tmp_path / "out.jsonl")] == ["supporting", "opposing"]
    rejects = read(tmp_path / "out.jsonl.rejects.jsonl")
    assert [row["line"] for row in rejects] == [2, 3, 4, 5]
    assert all(row["reason"] for row in rejects)


def test_a_ragged_csv_row_is_set_aside(cli, tmp_path):
    (tmp_path / "in.csv").write_text(f'id,text\n1,"{YES}"\n2\n3,"{NO}"\n')
    done = cli("predict", "--input", tmp_path / "in.csv", "--output", tmp_path / "out.csv")
    one_line(done, 3, "1 of 3 rows rejected", "line 3", "expected 2 cells, found 1")
    assert len(read(tmp_path / "out.csv")) == 2


def test_abstained_column_and_prefix(cli, tmp_path):
    path = table(tmp_path / "in.csv", [{"text": YES, "score": "5"}])
    one_line(cli("predict", "--input", path, "--output", tmp_path / "out.csv"), 2, "'score'", "--prefix")
    assert not (tmp_path / "out.csv").exists()
    done = cli("predict", "--input", path, "--output", tmp_path / "out.csv", "--prefix", "m_", "--min-score", "1")
    assert done.returncode == 0
    (row,) = read(tmp_path / "out.csv")
    assert row["score"] == "5" and row["m_stance"] == "" and row["m_abstained"] == "true"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("quotes.csv", b"quote,id\nx,1\n", ["column 'text'", "quote"]),
        ("latin.csv", "text\nÉtonnant caf\xe9 \xe9\n".encode("latin-1"), ["UTF-8", "0xc9"]),
        ("empty.csv", b"", ["header"]),
        ("short.parquet", b"PAR1 half a file", ["whole Parquet file"]),
        ("twice.csv", b"text,text\na,b\n", ["'text'", "more than once"]),
        ("file.xlsx", b"x", [".jsonl", ".xlsx"]),
    ],
)
def test_bad_files_are_one_line(cli, tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    one_line(cli("predict", "--input", tmp_path / name, "--output", tmp_path / "out.csv"), 2, *words)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_an_older_result_survives_a_failure(cli, tmp_path):
    (tmp_path / "out.csv").write_text("precious")
    (tmp_path / "in.csv").write_bytes(b"text\n" + b"fine words\n" * 2000 + b"\xff\xfe\n")
    one_line(cli("predict", "--input", tmp_path / "in.csv", "--output", tmp_path / "out.csv"), 2, "UTF-8")
    assert (tmp_path / "out.csv").read_text() == "precious"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.csv", "out.csv"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["predict"], ["either statements or --input"]),
        (["predict", "--bogus"], ["--bogus"]),
        (["predict", "x", "--min-score", "2"], ["between 0 and 1"]),
        (["predict", "x", "--model", "nowhere"], ["'nowhere'", "shipped model"]),
        (["predict", "--input", "none.csv"], ["none.csv", "found none"]),
        (["train", "none.yaml"], ["none.yaml"]),
        (["evaluate", "base", "none.jsonl"], ["none.jsonl"]),
        (["data", "check", "none.jsonl"], ["none.jsonl"]),
        (["export", ".", "--output", "x"], ["finished training run"]),
        (["info", "nowhere"], ["nowhere"]),
        (["nonsense"], ["nonsense"]),
    ],
)
def test_wrong_use_is_one_line_and_status_2(cli, tmp_path, arguments, words):
    one_line(cli(*arguments, cwd=tmp_path), 2, *words)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_model_is_refused(cli, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(locate(None), folder)
    with (folder / "model.onnx").open("r+b") as file:
        file.seek(50_000_000)
        file.write(b"damage")
    one_line(cli("predict", "x", "--model", folder), 1, "SHA-256", "copy the model folder again")
    (folder / "model.onnx").unlink()
    one_line(cli("predict", "x", "--model", folder), 1, "model.onnx", "found none")
    (folder / "stance.json").write_text("{}")
    one_line(cli("predict", "x", "--model", folder), 1, "stance.json")


def test_nothing_is_written_to_the_home_folder(cli, tmp_path):
    home = tmp_path / "home"
    home.mkdir(mode=0o500)
    done = cli("predict", YES, env={"HOME": str(home), "PATH": "", "HF_HOME": str(home / "hf")})
    assert done.returncode == 0 and done.stderr == ""
    assert list(home.iterdir()) == []  # ONNX Runtime's telemetry would leave a device id here


def test_info_names_the_model(cli):
    done = cli("info")
    assert "deploying Western troops to Ukraine" in done.stdout
    assert "model.onnx" in done.stdout


def test_the_printed_table_says_who_spoke(cli, tmp_path):
    table = tmp_path / "rows.csv"
    table.write_text(f'speaker,text,context\nDeputy Pavel Orlov,"{NO}",He was asked [again].\n,"{YES}",\n', encoding="utf-8")
    header, *body = cli("predict", "--input", table).stdout.splitlines()
    assert header.split()[:3] == ["speaker", "context", "statement"]
    assert body[0].startswith("Deputy Pavel Orlov") and "[again]" in body[0]
