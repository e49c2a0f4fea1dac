"""The wheel, installed outside the tree, and the README's commands and snippets."""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    ignored = shutil.ignore_patterns(".git", ".venv", "runs", "backbones", "build", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, source, ignore=ignored)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, source]
    subprocess.run(command, check=True)
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_predicts_outside_the_tree(wheel: Path, tmp_path: Path):
    assert wheel.stat().st_size < 100e6
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "site")
    assert "stance/py.typed" in names and {f"stance/models/{name}/model.onnx" for name in ("base", "quotes")} <= set(names)
    assert not [name for name in names if name.startswith(("tests", "data", "configs"))]
    code = (
        "import stance, json; assert 'site' in stance.__file__, stance.__file__; "
        "print(stance.predict('No soldier of ours has any business in Ukraine.').label); "
        "print(stance.analyze('“No soldier of ours will go to Ukraine,” the minister, Anna Kos, said.')[0].speaker)"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split("\n") == ["opposing", "Anna Kos", ""], done.stderr


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_readme_begins_with_demo_and_test():
    commands = [shlex.split(line, comments=True) for block in blocks("sh") for line in block.splitlines()]
    assert commands[:2] == [["make", "demo"], ["make", "test"]]


@pytest.mark.parametrize("block", blocks("python"), ids=range(len(blocks("python"))))
def test_python_snippets_print_what_the_readme_shows(block: str, tmp_path: Path):
    """Every expression followed by a comment gives that comment."""
    shutil.copytree(ROOT / "data" / "examples", tmp_path / "data" / "examples")
    here = os.getcwd()
    os.chdir(tmp_path)
    try:
        space: dict[str, object] = {}
        lines = block.splitlines()
        for node in ast.parse(block).body:
            source = ast.get_source_segment(block, node) or ""
            _, _, comment = lines[(node.end_lineno or 1) - 1].partition("  # ")
            if isinstance(node, ast.Expr) and comment:
                assert repr(eval(source, space)) == comment.strip()
            else:
                exec(source, space)
    finally:
        os.chdir(here)


def test_shell_examples_print_what_the_readme_shows(tmp_path: Path):
    """Every `$ stance ...` line of a console block prints the lines below it."""
    shutil.copytree(ROOT / "data" / "examples", tmp_path / "data" / "examples")
    shutil.copytree(ROOT / "data" / "troops", tmp_path / "data" / "troops")
    checked = 0
    for block in blocks("console"):
        for command, expected in re.findall(r"^\$ (stance .*)\n((?:(?!\$ ).*\n?)*)", block, flags=re.MULTILINE):
            arguments = [sys.executable, "-m", *shlex.split(command)]
            done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=False)
            shown = [line.rstrip() for line in (done.stdout + done.stderr).splitlines()]
            assert shown == [line.rstrip() for line in expected.splitlines()], command
            checked += 1
    assert checked >= 2


def test_the_tree_speaks_only_of_itself():
    """No path of a developer's machine in what is published."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.splitlines()
    for name in tracked:
        if name.endswith((".py", ".md", ".yaml", ".toml", ".txt", ".json", ".cff", "Makefile")):
            assert not re.search(r"(^|[^\w.])/(work|home|root)/\w", (ROOT / name).read_text(encoding="utf-8")), name


def test_train_export_predict_as_the_readme_has_them(backbone: Path, tiny_config: Path, tmp_path: Path):
    """The `stance` lines of the shell blocks run as they stand, on a small backbone and few rows."""
    lines = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("stance ")]
    assert [line.split()[1] for line in lines] == ["train", "export", "predict"]
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    quick = {"model.backbone": backbone, "train.num_train_epochs": 1, "export.max_disagreement": 1, "data.test": "null"}
    quick |= {"data.calibration": "null"}
    quick |= {f"data.{split}": tiny_config.parent / f"{split}.jsonl" for split in ("train", "dev")}
    for line in lines:
        arguments = shlex.split(line, comments=True)[1:]
        if arguments[0] == "train":
            arguments += [part for key, value in quick.items() for part in ("--set", f"{key}={value}")]
        done = subprocess.run(
            [sys.executable, "-m", "stance", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert "They should have gone last year." in done.stdout
