"""The model card of a run: data, figures with intervals, limits, and what the model is not for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from stance.evaluation import HEADLINE, Report
from stance.labels import LABELS
from stance.modelfolder import read_meta, sha256

if TYPE_CHECKING:
    from stance.config import Config, Source
    from stance.export import Parity

FIGURES = "## Figures"
_TITLES = {"accuracy": "Accuracy", "macro_f1": "Macro-F1", "f_avg": "F-avg", "ece": "ECE", "brier": "Brier"}


def write_card(folder: Path, config: Config, reports: Mapping[str, Report], parity: Parity | None = None) -> None:
    """Write `README.md` into a run folder or a model folder.

    Args:
        folder: The folder.
        config: The run's resolved config.
        reports: By name; `dev` is the set that chose the checkpoint, `test` chose nothing.
        parity: How the 8-bit model compares with the torch model it was exported from.
    """
    encoder = config.model.vocabulary_from or config.model.backbone
    backbone = Path(encoder).name
    further = f", going on from the weights of `{Path(config.model.backbone).name}`" if config.model.vocabulary_from else ""
    calibration = config.data.calibration or config.data.dev
    front = {
        "language": "en",
        "license": "apache-2.0",
        "library_name": "stance-classifier",
        "pipeline_tag": "text-classification",
        "base_model": encoder if encoder.count("/") == 1 else backbone,
        "tags": ["stance-detection"],
        "model-index": [
            {
                "name": config.name,
                "results": [
                    {
                        "task": {"type": "text-classification", "name": "Stance"},
                        "dataset": {"name": name, "type": "stance"},
                        "metrics": [{"type": key, "value": round(report.metrics[key], 4)} for key in HEADLINE],
                    }
                    for name, report in reports.items()
                ],
            }
        ],
    }
    text = f"""---
{yaml.safe_dump(front, sort_keys=False).strip()}
---
# {config.name}: stance of a quoted statement

Reads a pair (target, statement) and gives the probability that the statement **supports**, **opposes** or is **neutral** on the
target: {"; ".join(config.targets)}. The statement may come with the sentence or two before it.

- Backbone: `{backbone}`, fine-tuned as a cross-encoder{further}, with the config `config.yaml`, seed
  {config.train.seed}; {_runs(folder)}.
- Train: {"; ".join(map(_source, config.data.train))}.
- Dev: {named_sets(config.data.dev)}, used to choose the checkpoint.
- Calibration: {named_sets(calibration)}, used to fit the temperatures.
- Licence of the code: Apache-2.0. Licence of the weights: Apache-2.0, as that of the backbone.

{FIGURES}

{figures(reports)}

Intervals: 95 %, bootstrap over groups. F-avg: mean of the F1 of supporting and opposing. ECE: 15 bins of equal mass. The dev rows
chose the checkpoint, so their figures flatter; judge by the test rows. These sets are synthetic.

{behaviour(reports)}
{_parity(parity)}
## Limits and out-of-scope use

- English statements of a sentence or a few. Other languages bring no error, but no reliable answer either.
- It reads words, not facts: it can not know that a speaker lies, or what was said elsewhere. Irony and elliptical answers without
  their context are where it errs most.
- Other targets than the one above are accepted with a warning: check them on labelled rows of your own.
- Not for profiling persons, not for moderation, not for decisions on individuals. A published count should come with the
  labelled sample that it was checked on.
"""
    (folder / "README.md").write_text(text, encoding="utf-8")


def _runs(folder: Path) -> str:
    count = read_meta(folder).averaged_runs
    return "a single run" if count == 1 else f"the mean of the weights of {count} runs that began alike"


def named_sets(files: Sequence[Path]) -> str:
    """Name sets by folder, file and digest."""
    return "; ".join(f"`{file.parent.name}/{file.name}` (SHA-256 {sha256(file)[:12]}…)" for file in files)


def _source(source: Source) -> str:
    """Name a training set: file or hub id, digest, what was taken of it, licence."""
    digest = f"SHA-256 {sha256(Path(source.path))[:12]}…" if source.is_file else f"split {source.split}"
    taken = ([f"{source.sample} rows"] if source.sample is not None else []) + [f"where {it}" for it in source.where]
    licence = [source.licence] if source.licence is not None else []
    name = "/".join(Path(source.path).parts[-2:])
    return f"`{name}` ({', '.join([digest, *taken, *licence])})"


def _parity(parity: Parity | None) -> str:
    if parity is None:
        return ""
    return f"""
The figures are those of the 8-bit model as it ships. On the {parity.rows} dev rows {parity.disagreement:.2%} of its labels differ
from the torch model that it was exported from; the largest move of a probability is {parity.largest_move:.3f}.
"""


def figures(reports: Mapping[str, Report]) -> str:
    """Return a Markdown table of reports and their baselines, with intervals."""
    titles = ["data", "rows", *(_TITLES[key] for key in HEADLINE), *(f"F1 {label}" for label in LABELS)]
    lines = ["| " + " | ".join(titles) + " |", "| --- " * len(titles) + "|"]
    rows = {name: report.metrics for name, report in reports.items()}
    for name, report in reports.items():
        rows |= {f"{name}, {baseline}": metrics for baseline, metrics in report.baselines.items()}
    for name, m in rows.items():
        cells = [f"{m[key]:.3f} [{m['intervals'][key][0]:.3f}, {m['intervals'][key][1]:.3f}]" for key in HEADLINE]
        f1 = [f"{m['per_class'][label]['f1']:.3f}" for label in LABELS]
        lines.append(f"| {name} | {m['rows']} | " + " | ".join(cells + f1) + " |")
    return "\n".join(lines)


def behaviour(reports: Mapping[str, Report]) -> str:
    """Return a Markdown table: what `min_score` leaves, how much of the ECE may be chance, contrast pairs both right."""
    found = next(iter(reports.values())).metrics["coverage"]
    titles = [
        "data",
        *(f"`min_score` {row['min_score']}" for row in found),
        "ECE if calibrated, up to",
        "contrast pairs both right",
    ]
    lines = ["| " + " | ".join(titles) + " |", "| --- " * len(titles) + "|"]
    for name, report in reports.items():
        cells = [
            f"{row['coverage']:.0%}: " + ("-" if row["accuracy"] is None else f"{row['accuracy']:.3f}")
            for row in report.metrics["coverage"]
        ]
        contrast = report.metrics["contrast"]
        pairs = f"{contrast['both_right']:.3f} of {contrast['pairs']}" if contrast["pairs"] else "-"
        lines.append(f"| {name} | " + " | ".join([*cells, f"{report.metrics['ece_if_calibrated']:.3f}", pairs]) + " |")
    return "Rows that `min_score` leaves, and the accuracy on them:\n\n" + "\n".join(lines)
