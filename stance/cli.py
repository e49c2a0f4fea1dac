"""The command line: `stance predict, analyze, train, average, evaluate, data check, export, info`.

Exit status: 0 done; 1 the work failed; 2 wrong use or input; 3 done, but rows were rejected.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from stance.errors import InputError, StanceError
from stance.labels import LABELS
from stance.tables import FORMATS, Row, RowWriter, read_rows, table_format
from stance.version import __version__

COLUMNS = ("stance", "score", *LABELS, "topic", "windows", "model")
CHUNK = 256

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Who is for and who is against: the stance of quoted statements on deploying Western troops to Ukraine.",
)
data_app = typer.Typer(no_args_is_help=True, help="Work with labelled sets.")
app.add_typer(data_app, name="data")

ModelOption = Annotated[str | None, typer.Option("--model", "-m", help="Model folder or hub id; default: the shipped model.")]


@app.command()
def predict(
    text: Annotated[list[str] | None, typer.Argument(help="Statements.")] = None,
    input: Annotated[
        str | None, typer.Option("--input", "-i", help=f"Table with a column 'text' ({', '.join(FORMATS)}); - for JSON lines.")
    ] = None,
    output: Annotated[str | None, typer.Option("--output", "-o", help="Table to write, by ending; - for JSON lines.")] = None,
    target: Annotated[str | None, typer.Option("--target", "-t", help="What the stance is about.")] = None,
    model: ModelOption = None,
    min_score: Annotated[float | None, typer.Option("--min-score", help="Abstain below this probability.")] = None,
    prefix: Annotated[str, typer.Option("--prefix", help="Put before the new columns, if they clash with input columns.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Classify statements given as arguments, or the rows of a table: printed, or written to --output."""
    if (input is None) == (not text):
        raise InputError("predict: expected either statements or --input FILE, found " + ("both" if text else "neither"))
    from stance.predict import load

    if input is None and output is not None:
        raise InputError("predict: expected --output together with --input, found it with statements; use --json and a pipe")
    if input is None or (output is None and not as_json and input != "-"):
        rows = [{"text": statement} for statement in text or []] if input is None else _good_rows(input)
        _show(load(model), rows, target, prefix, min_score, as_json)
        return
    output = output or "-"
    columns = _output_columns(input, output, prefix, min_score)
    if _predict_table(load(model), input, output, columns, prefix, target, min_score):
        raise typer.Exit(3)


def _show(
    classifier: Any, rows: list[dict[str, Any]], target: str | None, prefix: str, min_score: float | None, as_json: bool
) -> None:
    """Print a table for people, or JSON lines."""
    found = classifier.predict([row | ({"target": target} if target else {}) for row in rows], min_score=min_score)
    if as_json:
        for row, prediction in zip(rows, found, strict=True):
            _print(json.dumps({**row, **_added(prediction.to_dict(), prefix, min_score)}, ensure_ascii=False))
        return
    told = [name for name in ("speaker", "context") if any(row.get(name) for row in rows)]
    table = Table(*told, "statement", "stance", *LABELS, "topic", box=None, pad_edge=False)
    for row, prediction in zip(rows, found, strict=True):
        words = [Text(str(row.get(name) or "")) for name in (*told, "text")]
        numbers = [f"{prediction.scores[label]:.2f}" for label in LABELS]
        table.add_row(*words, prediction.label or "(abstained)", *numbers, f"{prediction.topic:.2f}")
    Console(width=None if sys.stdout.isatty() else 120 + 20 * len(told)).print(table)


def _good_rows(path: str) -> list[dict[str, Any]]:
    rows = []
    for row in read_rows(path):
        if row.error or "text" not in row.values:
            raise InputError(f"{path}, line {row.line}: {row.error or 'expected text'}; --output FILE sets such rows aside")
        rows.append(row.values)
    return rows


def _output_columns(input: str, output: str, prefix: str, min_score: float | None) -> list[str] | None:
    """Refuse a clash before any work is done; return the columns of a file whose rows may have different ones."""
    kind = table_format(output)
    table_format(input)
    if output != "-" and input != "-" and Path(output).resolve() == Path(input).resolve():
        raise InputError(f"{output}: expected another file than the input; choose another name")
    added = [prefix + name for name in (*COLUMNS, *(["abstained"] if min_score is not None else []))]
    if input == "-":
        return None
    names: dict[str, None] = {}
    for row in read_rows(input):
        names |= dict.fromkeys(row.values)
        if table_format(input) != ".jsonl" and row.error is None:
            break  # the columns of a CSV or Parquet file are those of its first row
    _refuse_clash(names, added)
    if names and "text" not in names:
        raise InputError(f"{input}: expected a column 'text', found {', '.join(names)}; rename the one with the statements")
    return None if kind == ".jsonl" else [*names, *added]


def _refuse_clash(names: Any, added: list[str]) -> None:
    clash = [name for name in added if name in names]
    if clash:
        raise InputError(f"input: already has a column {clash[0]!r}; give the new columns a prefix, such as --prefix pred_")


def _predict_table(
    classifier: Any,
    input: str,
    output: str,
    columns: list[str] | None,
    prefix: str,
    target: str | None,
    min_score: float | None,
) -> int:
    """Classify a table row by row; return how many rows were set aside in the rejects file."""
    rejects_path = f"{output}.rejects.jsonl" if output != "-" else "-"
    rejects: list[dict[str, Any]] = []
    with RowWriter(output) as writer, _progress() as progress:
        task = progress.add_task("predict", total=None)
        # A stream is answered row by row, so that a pipe never waits; a file is read ahead, so that batches can be sorted.
        for chunk in _chunks(read_rows(input), size=1 if input == "-" else CHUNK):
            good: list[Row] = []
            for row in chunk:
                reason = row.error
                if reason is None:
                    try:
                        if "text" not in row.values:
                            raise InputError(f"expected 'text', found {', '.join(row.values) or 'nothing'}")
                        classifier.windows(row.values, where="text")
                    except InputError as error:
                        reason = str(error)
                if reason is None:
                    good.append(row)
                else:
                    rejects.append({"line": row.line, "reason": reason, "row": row.values})
            rows = [{name: row.values.get(name) for name in ("text", "target", "context")} for row in good]
            if target is not None:
                rows = [row | {"target": target} for row in rows]
            for row, prediction in zip(good, classifier.predict(rows, min_score=min_score), strict=True):
                added = _added(prediction.to_dict(), prefix, min_score)
                _refuse_clash(row.values, list(added))
                values = {**row.values, **added}
                writer.write({name: values.get(name) for name in columns} if columns else values)
            progress.advance(task, len(chunk))
    if rejects:
        _set_aside(rejects, rejects_path, writer.rows)
    elif output != "-":
        Path(rejects_path).unlink(missing_ok=True)  # of an earlier run
    return len(rejects)


def _set_aside(rejects: list[dict[str, Any]], path: str, written: int) -> None:
    first = rejects[0]
    where = ""
    if path != "-":
        with RowWriter(path) as writer:
            for row in rejects:
                writer.write(row)
        where = f"; all are in {path}"
    _complain(f"{len(rejects)} of {written + len(rejects)} rows rejected, first line {first['line']}: {first['reason']}{where}")


def _chunks(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    while chunk := list(itertools.islice(rows, size)):
        yield chunk


def _added(values: dict[str, Any], prefix: str, min_score: float | None) -> dict[str, Any]:
    names = (*COLUMNS, *(["abstained"] if min_score is not None else []))
    return {prefix + name: round(v, 6) if isinstance(v := values[name], float) else v for name in names}


@app.command()
def analyze(
    article: Annotated[
        list[str], typer.Argument(help="Text files, folders of .txt files, tables with a column 'text'; - for standard input.")
    ],
    html: Annotated[Path | None, typer.Option("--html", help="Page to write: the articles with their statements marked.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a statement and line.")] = False,
    target: Annotated[str | None, typer.Option("--target", "-t", help="What the stance is about.")] = None,
    model: ModelOption = None,
    reader: Annotated[str | None, typer.Option("--reader", help="Folder of a quote reader; default: the shipped one.")] = None,
    min_score: Annotated[float | None, typer.Option("--min-score", help="Abstain below this probability.")] = None,
) -> None:
    """Find who says what in articles, and where they stand."""
    from contextlib import nullcontext

    from stance.analysis import Analyzer
    from stance.articles import read_articles
    from stance.labels import DEFAULT_TARGET
    from stance.page import Page
    from stance.predict import load
    from stance.quotes import load_reader
    from stance.tally import Tally

    analyzer = Analyzer(load(model), load_reader(reader), target=target, min_score=min_score)
    models = f"{analyzer.reader.info} and {analyzer.classifier.info}"
    page = Page(html, target or DEFAULT_TARGET, models) if html else None
    tally, rejected, shown = page.tally if page else Tally(), 0, None
    with page or nullcontext(), _progress() as progress:
        task = progress.add_task("analyze", total=None)
        for item in read_articles(article):
            if item.error is not None:
                rejected += 1
                _complain(f"{item.name}: {item.error}; set aside")
                continue
            statements = analyzer.analyze(item.text)
            if page:
                page.add(item.name, item.text, statements)
            else:
                tally.add(statements)
            shown = statements if tally.articles == 1 else None
            if as_json:
                for statement in statements:
                    _print(json.dumps({"article": item.name, **statement.to_dict()}, ensure_ascii=False))
            progress.advance(task)
    if not tally.articles:
        raise InputError("analyze: expected an article, found none that can be read")
    if not as_json:
        _show_statements(shown) if shown is not None else _show_speakers(tally)
        for side, names in tally.sides().items():
            if names:
                _print(f"{side}: {', '.join(names)}")
    if rejected:
        raise typer.Exit(3)


def _show_statements(statements: list[Any]) -> None:
    table = Table("speaker", "stance", "score", "statement", box=None, pad_edge=False)
    for statement in statements:
        stance = statement.prediction.label or "(abstained)"
        words = [Text(" ".join(text.split())) for text in (statement.speaker or "(nobody named)", statement.text)]
        told = (stance, f"{statement.prediction.score:.2f}") if statement.on_topic else ("off topic", "")
        table.add_row(words[0], *told, words[1])
    Console(width=None if sys.stdout.isatty() else 140).print(table)


def _show_speakers(tally: Any) -> None:
    table = Table("speaker", *LABELS, "abstained", "off topic", box=None, pad_edge=False)
    for speaker in tally.speakers():
        counts = [str(speaker.counts[label]) for label in (*LABELS, "")]
        table.add_row(Text(speaker.name), *counts, str(speaker.off_topic))
    Console(width=None if sys.stdout.isatty() else 140).print(table)


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="YAML config.")],
    set_: Annotated[list[str] | None, typer.Option("--set", help="Override: key=value, such as train.seed=2.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Run folder; default: runs/NAME.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in that folder.")] = False,
) -> None:
    """Fine-tune, calibrate and evaluate a model from a config."""
    overrides = {}
    for text in set_ or []:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise InputError(f"--set: expected key=value, found {text!r}")
        overrides[key] = value
    _needs_train()
    from stance.training import train as run

    folder = run(config, overrides, output=output, resume=resume)
    record = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    dev = record["dev"]
    low, high = dev["intervals"]["macro_f1"]
    _print(f"{folder}: macro-F1 on dev {dev['macro_f1']:.3f} [{low:.3f}, {high:.3f}], best step {record['best_step']}")


@app.command()
def average(
    runs: Annotated[list[Path], typer.Argument(help="Finished runs of the same model section and train.seed.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="New run folder.")],
) -> None:
    """Make one model of several runs: the mean of their weights, calibrated anew."""
    _needs_train()
    from stance.averaging import average as run

    record = json.loads((run(runs, output) / "metrics.json").read_text(encoding="utf-8"))
    each = ", ".join(f"{one['dev']['macro_f1']:.3f}" for one in record["runs"])
    low, high = record["dev"]["intervals"]["macro_f1"]
    _print(f"{output}: macro-F1 on dev {record['dev']['macro_f1']:.3f} [{low:.3f}, {high:.3f}], of the runs {each}")


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="Model folder or hub id; 'base' is the shipped model.")],
    data: Annotated[Path, typer.Argument(help="Labelled table.")],
    train_: Annotated[Path | None, typer.Option("--train", help="Labelled rows to fit the baselines on.")] = None,
    where: Annotated[list[str] | None, typer.Option("--where", help="column=value or column!=value.")] = None,
    by: Annotated[str | None, typer.Option("--by", help="Report each value of a column apart.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for metrics.json and predictions.jsonl.")] = None,
) -> None:
    """Measure a model on labelled rows, with 95 % intervals."""
    from stance.evaluation import evaluate as run

    report = run(model, data, train=train_, where=where, by=by)
    _print(str(report))
    if output is not None:
        report.write(output)


@data_app.command("check")
def data_check(files: Annotated[list[Path], typer.Argument(help="Labelled tables that belong together.")]) -> None:
    """Check labelled sets: schema, duplicates, leakage between files, label balance. Exit status 1 if there are errors."""
    from stance.data import check, read_labelled, summary

    examples = {str(path): read_labelled(path) for path in files}
    if len(examples) < len(files):
        raise InputError("data check: expected each file once, found one twice")
    counts = {name: summary(rows) for name, rows in examples.items()}
    width = max(len(name) for name in counts)
    header = next(iter(counts.values()))
    _print(" " * width + "".join(f"{key:>14}" for key in header))
    for name, values in counts.items():
        _print(f"{name:<{width}}" + "".join(f"{n:>14}" for n in values.values()))
    findings = check(examples)
    for finding in findings:
        _print(f"{finding.severity}: {finding.message}")
    errors = sum(finding.severity == "error" for finding in findings)
    _print(f"{errors} errors, {len(findings) - errors} notes")
    if errors:
        raise typer.Exit(1)


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a finished training run.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="New model folder.")],
    max_disagreement: Annotated[
        float | None, typer.Option("--max-disagreement", help="Share of dev labels that may differ; default: the config's.")
    ] = None,
) -> None:
    """Export a run to 8-bit ONNX; fails if too many labels differ from torch."""
    _needs_train()
    from stance.export import export as to_onnx

    parity = to_onnx(run, output, max_disagreement=max_disagreement)
    size = (output / "model.onnx").stat().st_size / 1e6
    _print(
        f"{output}: {size:.1f} MB; labels differ from torch on {parity.disagreement:.2%} of {parity.rows} dev rows, "
        f"largest move of a probability {parity.largest_move:.3f}"
    )


@app.command()
def info(model: Annotated[str | None, typer.Argument(help="Model folder or hub id; default: the shipped model.")] = None) -> None:
    """Tell which model, library and dependencies would answer."""
    import importlib.metadata

    from stance.modelfolder import locate, read_meta

    folder = locate(model)
    meta = read_meta(folder)
    lines = {
        "library": f"stance {__version__}",
        "model": meta.name,
        "revision": meta.revision,
        "folder": str(folder),
        "weights": ", ".join(f"{name} {digest[:12]}" for name, digest in meta.sha256.items()),
        "labels": ", ".join(meta.labels),
        "targets": "; ".join(meta.targets),
        "window": f"{meta.window} tokens, context {meta.context_tokens}",
        "temperature": f"{meta.temperature} (topic {meta.topic_temperature})",
    }
    for name in ("numpy", "onnxruntime", "tokenizers", "torch", "transformers"):
        try:
            lines[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            lines[name] = "not installed"
    for key, value in lines.items():
        _print(f"{key:<13}{value}")


def _needs_train() -> None:
    from stance.errors import require

    for module in ("torch", "transformers", "datasets", "sklearn", "onnx", "onnxscript", "yaml", "pydantic"):
        require(module, "train")


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True)


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")


def _complain(message: str) -> None:
    sys.stderr.write(" ".join(f"stance: {message}".split()) + "\n")


def main() -> None:
    """Run the command line: one line on stderr for whatever goes wrong, never a traceback for bad input."""
    warnings.showwarning = lambda message, *_, **__: _complain(f"warning: {message}")
    try:
        status = app(standalone_mode=False)
        sys.stdout.flush()
    except (typer.Abort, KeyboardInterrupt):
        _complain("interrupted")
        status = 130
    except InputError as error:
        _complain(str(error))
        status = 2
    except StanceError as error:
        _complain(str(error))
        status = 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader left; say nothing more
        status = 141
    except OSError as error:
        _complain(f"{error.filename or 'file'}: {error.strerror or error}")
        status = 1
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        # A usage error; its class lies in click or in typer's own copy of click, depending on typer's version.
        _complain(f"{error.format_message()} See stance --help.")
        status = 2
    sys.exit(status if isinstance(status, int) else 0)
