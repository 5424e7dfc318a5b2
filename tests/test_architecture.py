"""The house: imports point one way, packages have owners, models hold no bare numbers."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "lymphorisk"

# Left may import right. Rooms in one set do not see each other.
ORDER: tuple[frozenset[str], ...] = (
    frozenset({"__main__"}),
    frozenset({"cli"}),
    frozenset({"web"}),
    frozenset({"clinic"}),
    frozenset({"report"}),
    frozenset({"cohorts"}),
    frozenset({"qa", "simulated"}),
    frozenset({"calibration"}),
    frozenset({"objective", "regimen", "train"}),
    frozenset({"analysis"}),
    frozenset({"masks", "settings"}),
    frozenset({"dicom", "predict", "organs", "scenario"}),
    frozenset({"literature"}),
    frozenset({"conditioning", "features"}),
    frozenset({"lymphocyte"}),
    frozenset({"circulation"}),
    frozenset({"anatomy"}),
    frozenset({"phantom"}),
    frozenset({"dvh"}),
    frozenset({"plan"}),
    frozenset({"parameters"}),
    frozenset({"findings"}),
    frozenset({"tomlfile"}),
    frozenset({"units"}),
    frozenset({"absent", "frozen", "lazy", "outputs", "plain", "schemas"}),
    frozenset({"errors"}),
    frozenset({"version"}),
)
RANK = {room: rank for rank, rooms in enumerate(ORDER) for room in rooms}
OWNERS = {
    "pyRadPlan": {"objective"},
    "pydantic": {"objective"},
    "pydicom": {"dicom"},
    "dicompylercore": {"dicom"},
    "xgboost": {"predict", "train"},
    "shap": {"predict", "train"},
    "sklearn": {"predict", "train"},
    "click": {"cli"},
    "rich": {"cli"},
    "jinja2": {"report", "web"},
    "starlette": {"web"},
    "uvicorn": {"web"},
    "argon2": {"web"},
    "matplotlib": {"report", "predict"},  # shap draws with it
    "reportlab": {"report"},
    "highdicom": {"dicom"},
    "dicomweb_client": {"dicom"},
    "requests": {"dicom"},
    "nibabel": {"masks"},
    "pyarrow": {"cohorts", "train"},
    "dask": {"cohorts"},
    "distributed": {"cohorts"},
    "psutil": {"cohorts"},
    "pynetdicom": {"clinic"},
    "cryptography": {"clinic", "predict"},
    "prometheus_client": {"clinic"},
    "msgspec": {"qa", "regimen", "scenario", "settings", "tomlfile", "train"},  # schema files, and their reader
}
MODELS = ("plan", "phantom", "anatomy", "dvh", "circulation", "lymphocyte", "conditioning", "features", "literature")
NO_FILES = (*MODELS,)
FREE_NUMBERS = {0, 1, 2, 3, 0.5, 100}

FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0].removesuffix(".py")


def imported(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module is not None
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    room = room_of(path)
    if room == "__init__":
        return
    assert room in RANK, f"{room} has no place in the house"
    for name in imported(ast.parse(path.read_text(encoding="utf-8"))):
        parts = name.split(".")
        if parts[0] != "lymphorisk":
            continue
        assert len(parts) > 1, "import the room, not the package"
        other = parts[1]
        assert other in RANK, f"{other} has no place in the house"
        assert other == room or RANK[other] > RANK[room], f"{room} imports {other}: uphill"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_packages_have_owners(path: Path) -> None:
    for name in imported(ast.parse(path.read_text(encoding="utf-8"))):
        top = name.split(".")[0]
        assert room_of(path) in OWNERS.get(top, {room_of(path)}), f"{top} belongs to {sorted(OWNERS[top])}"


MODEL_FILES = [p for p in FILES if room_of(p) in MODELS]


@pytest.mark.parametrize("path", MODEL_FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_models_hold_no_bare_numbers(path: Path) -> None:
    """Numbers of a model live in parameters/; tolerances and numerical settings are named constants."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named: set[int] = set()
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if isinstance(node, ast.Assign | ast.AnnAssign) and all(
            isinstance(t, ast.Name) and t.id.isupper() for t in targets
        ):
            named |= {id(n) for n in ast.walk(node)}
    bare = [
        f"{path.name}:{n.lineno}: {n.value}"
        for n in ast.walk(tree)
        if isinstance(n, ast.Constant)
        and isinstance(n.value, int | float)
        and not isinstance(n.value, bool)
        and id(n) not in named
        and abs(n.value) not in FREE_NUMBERS
    ]
    assert not bare, bare


@pytest.mark.parametrize("path", MODEL_FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_models_read_no_files_and_no_parameter_store(path: Path) -> None:
    for name in imported(ast.parse(path.read_text(encoding="utf-8"))):
        assert name.split(".")[0] not in {"pathlib", "os", "tomllib", "json", "csv"}, name
        assert not name.startswith("lymphorisk.parameters"), name


def test_no_test_asserts_how_long_a_thing_took() -> None:
    """Machines differ; benchmarks measure. A deadline of waiting (``monotonic``) is no measurement."""
    files = sorted(Path(__file__).parent.rglob("test_*.py"))
    found = [
        f"{path.name}: {function.name}"
        for path in files
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, ast.FunctionDef) and function.name.startswith("test_")
        if {n.attr for n in ast.walk(function) if isinstance(n, ast.Attribute)} & {"perf_counter", "process_time"}
    ]
    assert len(files) > 200
    assert not found
