"""The folders that manage.py puts on sys.path, without running it.

Projects keep their applications in "apps" or "src" and say so in manage.py alone.  Running that
would do all else it does, so its sys.path statements are read, and the few expressions people write
there are computed: literals, names, os.path, pathlib.  What is not understood is left out.
"""

import ast
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

FILE_BYTES = 256 * 1024
DEPTH = 40  # of an expression
TEXT_CHARS = 4096

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "os.path.abspath": os.path.abspath,
    "os.path.basename": os.path.basename,
    "os.path.dirname": os.path.dirname,
    "os.path.join": os.path.join,
    "os.path.normpath": os.path.normpath,
    "os.path.realpath": os.path.realpath,
    "os.getcwd": os.getcwd,
    "os.fspath": os.fspath,
    "pathlib.Path": Path,
    "str": str,
}
PATH_METHODS = {"absolute", "joinpath", "resolve", "as_posix", "with_name"}
PATH_FIELDS = {"parent", "name"}
STATEMENTS = (ast.If, ast.Try, ast.With, ast.FunctionDef)


class NotUnderstood(Exception):
    pass


class Reader:
    """The names of one file and what they stand for."""

    def __init__(self, path: str):
        self.names: dict[str, Any] = {"__file__": path}
        self.modules = {"sys": "sys", "os": "os"}

    # ---- expressions ----

    def dotted(self, node: ast.expr) -> str:
        """ "os.path.join" of what imports made of it; "" when it is no name of a module."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id in self.names:
            return ""
        return ".".join([self.modules.get(node.id, node.id), *reversed(parts)])

    def value(self, node: ast.expr, depth: int = 0) -> Any:
        if depth > DEPTH:
            raise NotUnderstood
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bool | int):
            return node.value
        if isinstance(node, ast.Name) and node.id in self.names:
            return self.names[node.id]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Div):
            return self.joined(node, depth + 1)
        if isinstance(node, ast.JoinedStr):
            return "".join(str(self.piece(part, depth + 1)) for part in node.values)
        if isinstance(node, ast.Call):
            return self.call(node, depth + 1)
        return self.field(node, depth + 1)

    def piece(self, node: ast.expr, depth: int) -> Any:
        is_plain = isinstance(node, ast.FormattedValue) and node.format_spec is None
        return self.value(node.value if is_plain else node, depth)

    def joined(self, node: ast.BinOp, depth: int) -> Any:
        left, right = self.value(node.left, depth), self.value(node.right, depth)
        if isinstance(node.op, ast.Div) and isinstance(left, Path):
            return left / right
        both = isinstance(left, str) and isinstance(right, str)
        if not both or not isinstance(node.op, ast.Add) or len(left) + len(right) > TEXT_CHARS:
            raise NotUnderstood
        return left + right

    def call(self, node: ast.Call, depth: int) -> Any:
        arguments = [self.value(argument, depth) for argument in node.args]
        function = FUNCTIONS.get(self.dotted(node.func))
        if function is None and isinstance(node.func, ast.Attribute):
            owner = self.value(node.func.value, depth)
            if isinstance(owner, Path) and node.func.attr in PATH_METHODS:
                function = getattr(owner, node.func.attr)
        if function is None:
            raise NotUnderstood
        return function(*arguments)  # keywords are resolve(strict=True) and the like

    def field(self, node: ast.expr, depth: int) -> Any:
        if self.dotted(node) == "os.pardir":
            return os.pardir
        if isinstance(node, ast.Attribute) and node.attr in PATH_FIELDS:
            owner = self.value(node.value, depth)
            if isinstance(owner, Path):
                return getattr(owner, node.attr)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute):
            owner, index = self.value(node.value.value, depth), self.value(node.slice, depth)
            if isinstance(owner, Path) and node.value.attr == "parents" and isinstance(index, int):
                return owner.parents[index]
        raise NotUnderstood

    # ---- statements ----

    def imported(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            if isinstance(node, ast.ImportFrom):
                name = f"{node.module}.{alias.name}"
                self.modules[alias.asname or alias.name] = name
            elif alias.asname:
                self.modules[alias.asname] = alias.name

    def assigned(self, target: ast.expr, value: ast.expr) -> None:
        if not isinstance(target, ast.Name):
            return
        try:
            self.names[target.id] = self.value(value)
        except Exception:
            self.names.pop(target.id, None)  # it is something else now
            raise

    def additions(self, node: ast.stmt) -> list[tuple[int | None, str]]:
        """(position or None for the end, folder) of a statement about sys.path."""
        if isinstance(node, ast.AugAssign) and self.dotted(node.target) == "sys.path":
            return [(None, folder) for folder in self.folders(node.value)]
        call = node.value if isinstance(node, ast.Expr) else None
        if not isinstance(call, ast.Call) or call.keywords:
            return []
        name = self.dotted(call.func)
        if name in ("sys.path.append", "site.addsitedir") and len(call.args) == 1:
            return [(None, str(self.value(call.args[0])))]
        if name == "sys.path.extend" and len(call.args) == 1:
            return [(None, folder) for folder in self.folders(call.args[0])]
        if name == "sys.path.insert" and len(call.args) == 2:
            return [(int(self.value(call.args[0])), str(self.value(call.args[1])))]
        return []

    def folders(self, node: ast.expr) -> list[str]:
        if not isinstance(node, ast.List | ast.Tuple):
            raise NotUnderstood
        return [str(self.value(element)) for element in node.elts]

    def read(self, body: list[ast.stmt]) -> Iterator[tuple[int | None, str]]:
        for node in body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                self.imported(node)
            elif isinstance(node, STATEMENTS):
                yield from self.read(node.body)
            else:
                yield from self.understood(node)

    def understood(self, node: ast.stmt) -> list[tuple[int | None, str]]:
        try:
            if isinstance(node, ast.Assign) and len(node.targets) == 1:
                self.assigned(node.targets[0], node.value)
            return self.additions(node)
        except (NotUnderstood, TypeError, ValueError, IndexError, OSError):
            return []


def add_paths_of(path: str) -> None:
    """A file that is not there, or no Python, adds none."""
    try:
        with open(path, "rb") as file:
            tree = ast.parse(file.read(FILE_BYTES))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return
    if os.path.islink(path):  # Python's own rule for a script
        sys.path.insert(0, os.path.dirname(os.path.realpath(path)))
    for position, folder in Reader(path).read(tree.body):
        folder = os.path.abspath(folder)
        if os.path.isdir(folder) and folder not in sys.path:
            sys.path.insert(len(sys.path) if position is None else position, folder)
