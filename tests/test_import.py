"""Importing is light, and every spelling of `stance.predict` works in any order."""

import itertools
import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "datasets", "onnxruntime", "tokenizers", "numpy", "sklearn", "pandas", "pyarrow")


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_loads_nothing_heavy():
    assert python(f"import sys, stance; print([m for m in {HEAVY} if m in sys.modules])") == "[]"


def test_prediction_loads_no_training_library():
    code = "import sys, stance; stance.predict('We will go.'); print([m for m in sys.modules if m in ('torch', 'transformers')])"
    assert python(code) == "[]"


def test_import_touches_no_logger_or_warning_filter():
    code = (
        "import logging, warnings; a = (logging.root.handlers[:], logging.root.level, warnings.filters[:]); import stance; "
        "print(a == (logging.root.handlers, logging.root.level, warnings.filters))"
    )
    assert python(code) == "True"


SPELLINGS = (
    "import stance.predict",
    "from stance.predict import StanceClassifier",
    "import stance; assert stance.predict('We will go.').label",
    "from stance import predict; assert predict('We will go.').label",
)


@pytest.mark.parametrize("order", list(itertools.permutations(range(len(SPELLINGS)), 2)))
def test_spellings_of_predict(order: tuple[int, int]):
    last = "import stance; assert stance.predict(['We will go.'])[0].label; assert stance.predict.StanceClassifier"
    python("\n".join([*(SPELLINGS[i] for i in order), last]))


def test_public_names_exist():
    python("import stance; assert all(getattr(stance, name) is not None for name in stance.__all__)")


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'predicct'"):
        import stance

        stance.predicct  # noqa: B018
