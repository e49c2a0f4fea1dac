"""The command line: `stance predict, analyze, train, average, evaluate, data check, export, info`.

Exit status: 0 done; 1 the work failed; 2 wrong use or input; 3 done, but rows were rejected.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from stance.console import complain, progress, say, show_predictions, show_speakers, show_statements
from stance.errors import InputError, StanceError
from stance.tables import FORMATS
from stance.version import __version__

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
    from stance.predict_table import added_columns, good_rows, output_columns, predict_table

    if input is None and output is not None:
        raise InputError("predict: expected --output together with --input, found it with statements; use --json and a pipe")
    if input is None or (output is None and not as_json and input != "-"):
        rows = [{"text": statement} for statement in text or []] if input is None else good_rows(input)
        found = load(model).predict([row | ({"target": target} if target else {}) for row in rows], min_score=min_score)
        if not as_json:
            show_predictions(rows, found)
            return
        for row, prediction in zip(rows, found, strict=True):
            say(json.dumps({**row, **added_columns(prediction, prefix, min_score)}, ensure_ascii=False))
        return
    output = output or "-"
    columns = output_columns(input, output, prefix, min_score)
    if predict_table(load(model), input, output, columns, prefix, target, min_score):
        raise typer.Exit(3)


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
    with page or nullcontext(), progress() as bar:
        task = bar.add_task("analyze", total=None)
        for item in read_articles(article):
            if item.error is not None:
                rejected += 1
                complain(f"{item.name}: {item.error}; set aside")
                continue
            statements = analyzer.analyze(item.text)
            if page:
                page.add(item.name, item.text, statements)
            else:
                tally.add(statements)
            shown = statements if tally.articles == 1 else None
            if as_json:
                for statement in statements:
                    say(json.dumps({"article": item.name, **statement.to_dict()}, ensure_ascii=False))
            bar.advance(task)
    if not tally.articles:
        raise InputError("analyze: expected an article, found none that can be read")
    if not as_json:
        show_statements(shown) if shown is not None else show_speakers(tally)
        for side, names in tally.sides().items():
            if names:
                say(f"{side}: {', '.join(names)}")
    if rejected:
        raise typer.Exit(3)


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
    say(f"{folder}: macro-F1 on dev {dev['macro_f1']:.3f} [{low:.3f}, {high:.3f}], best step {record['best_step']}")


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
    say(f"{output}: macro-F1 on dev {record['dev']['macro_f1']:.3f} [{low:.3f}, {high:.3f}], of the runs {each}")


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
    say(str(report))
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
    say(" " * width + "".join(f"{key:>14}" for key in header))
    for name, values in counts.items():
        say(f"{name:<{width}}" + "".join(f"{n:>14}" for n in values.values()))
    findings = check(examples)
    for finding in findings:
        say(f"{finding.severity}: {finding.message}")
    errors = sum(finding.severity == "error" for finding in findings)
    say(f"{errors} errors, {len(findings) - errors} notes")
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
    say(
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
        say(f"{key:<13}{value}")


def _needs_train() -> None:
    from stance.errors import require

    for module in ("torch", "transformers", "datasets", "sklearn", "onnx", "onnxscript", "yaml", "pydantic"):
        require(module, "train")


def main() -> None:
    """Run the command line: one line on stderr for whatever goes wrong, never a traceback for bad input."""
    warnings.showwarning = lambda message, *_, **__: complain(f"warning: {message}")
    try:
        status = app(standalone_mode=False)
        sys.stdout.flush()
    except (typer.Abort, KeyboardInterrupt):
        complain("interrupted")
        status = 130
    except InputError as error:
        complain(str(error))
        status = 2
    except StanceError as error:
        complain(str(error))
        status = 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader left; say nothing more
        status = 141
    except OSError as error:
        complain(f"{error.filename or 'file'}: {error.strerror or error}")
        status = 1
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        # A usage error; its class lies in click or in typer's own copy of click, depending on typer's version.
        complain(f"{error.format_message()} See stance --help.")
        status = 2
    sys.exit(status if isinstance(status, int) else 0)
