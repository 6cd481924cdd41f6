"""Which source files a notebook depends on: an import walk that runs none of them."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path


def code_of(notebook: Path) -> str:
    """The code cells of a notebook, one behind the other; lines of IPython magic are left out."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    lines = "\n".join(
        "".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"
    ).splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith(("%", "!")))


def imported(code: str, package: str = "") -> set[str]:
    """Dotted names that some code imports, at its top or inside functions.

    `from a import b` gives both `a` and `a.b`, since `b` may be a module. `package` is the
    package that relative imports start from.
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")
                parents = parents[: len(parents) - node.level + 1]
                base = ".".join([*parents, base] if base else parents)
            names.add(base)
            names.update(f"{base}.{alias.name}" for alias in node.names)
    return names


def sources_of(notebook: Path, source_root: Path) -> list[Path]:
    """The modules under `source_root` that a notebook imports, directly or through another.

    The `__init__.py` of each package on the way counts, and so do the files of other kinds that
    lie beside an imported module in its package (a widget's script, a style sheet).

    Raises:
        SyntaxError: a code cell or module cannot be parsed.
    """
    found: set[Path] = set()
    waiting = list(imported(code_of(notebook)))
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for module, path in _modules(name, source_root):
            if path in found:
                continue
            found.add(path)
            is_package = path.name == "__init__.py"
            package = module if is_package else module.rpartition(".")[0]
            waiting += imported(path.read_text(encoding="utf-8"), package)
            if not is_package:
                found.update(_companions(path.parent))
    return sorted(found)


def _modules(name: str, source_root: Path) -> Iterator[tuple[str, Path]]:
    """Module names and files on the way down a dotted name, as far as they exist."""
    folder = source_root
    parts = name.split(".")
    for depth, part in enumerate(parts, start=1):
        module = ".".join(parts[:depth])
        if (folder / f"{part}.py").is_file():
            yield module, folder / f"{part}.py"
        folder = folder / part
        if (folder / "__init__.py").is_file():
            yield module, folder / "__init__.py"


def _companions(folder: Path) -> Iterator[Path]:
    return (
        path
        for path in folder.iterdir()
        if path.is_file() and path.suffix not in (".py", ".pyc") and not path.name.startswith(".")
    )
