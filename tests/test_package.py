"""The package as a whole: what it imports, what it must not contain."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted([*(ROOT / "core").rglob("*.py"), *(ROOT / "viewer").rglob("*.py")])
LARGEST_FILE_BYTES = 20 << 20


def run_python(code: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=cwd)


def calls(path: Path) -> Iterator[ast.Call]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def tracked_files() -> list[Path]:
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("this is no git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip(f"git does not list this checkout: {listed.stderr.strip()}")
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def test_importing_deglare_loads_no_heavy_library(tmp_path: Path) -> None:
    heavy = "{'torch', 'matplotlib', 'open3d', 'gradio', 'plotly', 'PIL', 'scipy', 'mitsuba', 'deglare_viewer'}"
    code = f"import sys, deglare; found = {heavy} & set(sys.modules); sys.exit(', '.join(found) or 0)"
    done = run_python(code, tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("folder", ["core", "viewer"])
def test_the_source_folders_are_not_packages(folder: str, tmp_path: Path) -> None:
    assert not (ROOT / folder / "__init__.py").exists()
    found = run_python(f"import importlib.util; print(importlib.util.find_spec('{folder}'))", tmp_path)
    assert found.stdout == "None\n", found.stderr


def test_imports_run_downhill() -> None:
    command = Path(sys.executable).with_name("lint-imports")
    if not command.exists():
        pytest.skip("import-linter is not installed")
    done = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_loads_or_runs_code_from_files() -> None:
    """No pickle, no eval, no shell, and `torch.load` only of weights."""
    offences = [f"{path.name}:{call.lineno}" for path in SOURCES for call in calls(path) if is_unsafe(call)]
    assert offences == []


def is_unsafe(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    keywords = {word.arg: ast.unparse(word.value) for word in call.keywords}
    return (
        name in ("eval", "exec", "os.system", "os.popen")
        or re.match(r"(c?pickle|dill|joblib|shelve|marshal)\.", name, re.IGNORECASE) is not None
        or keywords.get("allow_pickle", "False") != "False"
        or keywords.get("shell", "False") != "False"
        or (name == "torch.load" and keywords.get("weights_only") != "True")
    )


@pytest.mark.parametrize(
    ("line", "unsafe"),
    [
        ("torch.load(path)", True),
        ("torch.load(path, weights_only=True)", False),
        ("np.load(path, allow_pickle=True)", True),
        ("np.load(path)", False),
        ("subprocess.run(line, shell=True)", True),
        ("pickle.loads(data)", True),
        ("network.eval()", False),
        ("eval(text)", True),
    ],
)
def test_the_search_for_unsafe_calls_knows_them(line: str, unsafe: bool) -> None:
    call = next(node for node in ast.walk(ast.parse(line)) if isinstance(node, ast.Call))
    assert is_unsafe(call) is unsafe


def test_no_module_imports_a_pickler() -> None:
    picklers = r"^\s*(?:import|from)\s+(?:pickle|dill|cloudpickle|shelve|marshal|joblib)\b"
    assert [path.name for path in SOURCES if re.search(picklers, path.read_text(encoding="utf-8"), re.MULTILINE)] == []


def test_only_the_command_line_prints() -> None:
    rooms = [path for path in SOURCES if not path.is_relative_to(ROOT / "core" / "deglare" / "cli")]
    printing = [path.name for path in rooms for call in calls(path) if ast.unparse(call.func) == "print"]
    assert printing == []


def test_no_tracked_file_is_larger_than_20_mb() -> None:
    large = [str(path) for path in tracked_files() if path.is_file() and path.stat().st_size > LARGEST_FILE_BYTES]
    assert large == []


def test_committed_notebooks_hold_no_outputs() -> None:
    nbformat = pytest.importorskip("nbformat")
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert notebooks
    for path in notebooks:
        for cell in nbformat.read(path, as_version=4).cells:
            assert not cell.get("outputs") and cell.get("execution_count") is None, path.name


def test_pinned_versions_name_no_index_and_pin_every_direct_dependency() -> None:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pins = dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)$", text, re.MULTILINE))
    entries = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(pins) == len(entries), "every line is NAME==VERSION"
    wanted = re.findall(r'^    "([A-Za-z0-9_-]+)(?:\[.*?\])?>=', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    normal = {re.sub(r"[-_.]+", "-", name).lower() for name in pins}
    assert wanted and {re.sub(r"[-_.]+", "-", name).lower() for name in wanted} <= normal
