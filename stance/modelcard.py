"""The model card of a run: data, figures with intervals, limits, and what the model is not for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from stance.evaluation import HEADLINE, Report
from stance.labels import LABELS
from stance.modelfolder import sha256

if TYPE_CHECKING:
    from stance.config import Config

FIGURES = "## Figures"
_TITLES = {"accuracy": "Accuracy", "macro_f1": "Macro-F1", "f_avg": "F-avg", "ece": "ECE", "brier": "Brier"}


def write_card(folder: Path, config: Config, dev: Report) -> None:
    """Write `README.md` into a run folder.

    Args:
        folder: The run folder.
        config: Its resolved config.
        dev: The report on dev, on which the run was stopped and calibrated.
    """
    backbone = Path(config.model.backbone).name
    front = {
        "language": "en",
        "license": "apache-2.0",
        "library_name": "stance-classifier",
        "pipeline_tag": "text-classification",
        "base_model": config.model.backbone if config.model.backbone.count("/") == 1 else backbone,
        "tags": ["stance-detection"],
        "model-index": [{
            "name": config.name,
            "results": [{
                "task": {"type": "text-classification", "name": "Stance"},
                "dataset": {"name": dev.data, "type": "stance"},
                "metrics": [{"type": key, "value": round(dev.metrics[key], 4)} for key in HEADLINE],
            }],
        }],
    }
    text = f"""---
{yaml.safe_dump(front, sort_keys=False).strip()}
---
# {config.name}: stance of a quoted statement

Reads a pair (target, statement) and gives the probability that the statement **supports**, **opposes** or is **neutral** on the
target: {'; '.join(config.targets)}. The statement may come with the sentence or two before it.

- Backbone: `{backbone}`, fine-tuned as a cross-encoder with the config `config.yaml`; seed {config.train.seed}, a single run.
- Train: `{config.data.train.name}` (SHA-256 {sha256(config.data.train)[:12]}…); dev: `{config.data.dev.name}`
  ({sha256(config.data.dev)[:12]}…), used to stop training and to fit the temperature.
- Licence of the code: Apache-2.0. Licence of the weights: Apache-2.0, as that of the backbone.

{FIGURES}

{figures({'dev': dev})}

Intervals: 95 %, bootstrap over groups. F-avg: mean of the F1 of supporting and opposing. ECE: 15 bins of equal mass. The dev rows
chose the checkpoint and the temperature, so their figures flatter; judge by a test set.

## Limits and out-of-scope use

- English statements of a sentence or a few. Other languages bring no error, but no reliable answer either.
- It reads words, not facts: it can not know that a speaker lies, or what was said elsewhere. Irony and elliptical answers without
  their context are where it errs most.
- Other targets than the one above are accepted with a warning: check them on labelled rows of your own.
- Not for profiling persons, not for moderation, not for decisions on individuals. A published count should come with the
  labelled sample that it was checked on.
"""
    (folder / "README.md").write_text(text, encoding="utf-8")


def figures(reports: dict[str, Report]) -> str:
    """Return a Markdown table of reports, with intervals."""
    lines = [
        "| data | rows | " + " | ".join(_TITLES[key] for key in HEADLINE) + " | " + " | ".join(f"F1 {x}" for x in LABELS) + " |",
        "| --- " * (2 + len(HEADLINE) + len(LABELS)) + "|",
    ]
    for name, report in reports.items():
        m = report.metrics
        cells = [f"{m[key]:.3f} [{m['intervals'][key][0]:.3f}, {m['intervals'][key][1]:.3f}]" for key in HEADLINE]
        f1 = [f"{m['per_class'][label]['f1']:.3f}" for label in LABELS]
        lines.append(f"| {name} | {m['rows']} | " + " | ".join(cells + f1) + " |")
    return "\n".join(lines)
