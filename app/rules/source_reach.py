"""Where source that is no test reaches for what tests are run by: the runner, the interpreter's insides, the process."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from app.models.qa import SuspicionKind
from app.rules.syntax import Hint, dotted

_RUNNERS = frozenset({"pytest", "_pytest", "pluggy", "unittest", "py", "nose2", "doctest", "hypothesis", "xdist"})
_INSIDES = frozenset(
    {
        "sys.modules", "sys._getframe", "sys._current_frames", "sys.settrace", "sys.setprofile", "sys.meta_path",
        "sys.path_hooks", "sys.monitoring", "sys.addaudithook", "sys.excepthook", "sys.unraisablehook",
        "inspect.currentframe", "inspect.stack",
        "inspect.getouterframes", "inspect.getinnerframes", "inspect.trace", "gc.get_objects", "gc.get_referrers",
        "gc.get_referents", "threading.settrace", "threading.setprofile", "threading.enumerate", "traceback.walk_stack",
        "traceback.extract_stack", "importlib.reload",
    }
)  # fmt: skip
_PROCESS = frozenset(
    {
        "os._exit", "os.abort", "os.kill", "os.killpg", "os.fork", "os.forkpty", "os.register_at_fork", "os.execv", "os.execve",
        "os.execvp", "os.execl", "os.dup2", "os.closerange", "os.getppid", "os.setsid", "os.ptrace", "atexit.register",
        "atexit._run_exitfuncs", "atexit._clear", "signal.signal", "signal.alarm", "signal.setitimer", "signal.raise_signal",
        "signal.pthread_kill", "resource.setrlimit", "faulthandler.register",
    }
)  # fmt: skip
_FRAMES = frozenset({"f_back", "f_globals", "f_locals", "f_builtins", "tb_frame", "gi_frame", "__subclasses__", "__globals__"})
_SWAPPED = frozenset({"__code__", "__class__", "__defaults__", "__wrapped__", "__bases__"})
_WORDS = re.compile(r"\b_?pytest\b|PYTEST_|/proc/(?:self|1|\d+|net)\b|sitecustomize|unittest\.case|\bnodeid\b")


def reach_of_python(tree: ast.Module) -> list[Hint]:
    """Everything of that kind in a module, in the order of its lines."""
    look = _Look(tree)
    found = list(chain.from_iterable(look.at(node) for node in ast.walk(tree)))
    return sorted([*found, *_exits_on_import(tree)], key=lambda hint: hint.line or 0)


class _Look:
    def __init__(self, tree: ast.Module) -> None:
        self._names = dict(_imported_names(tree))
        self._docstrings = set(_docstrings(tree))
        self._by_type: dict[type[ast.AST], Callable[[ast.AST], Iterable[Hint]]] = {
            ast.Import: self._import,
            ast.ImportFrom: self._import,
            ast.Attribute: self._use,
            ast.Name: self._use,
            ast.Assign: self._assignment,
            ast.AugAssign: self._assignment,
            ast.Call: self._call,
            ast.Constant: self._word,
            ast.FunctionDef: self._method,
        }

    def at(self, node: ast.AST) -> Iterable[Hint]:
        look = self._by_type.get(type(node))
        return look(node) if look is not None else ()

    def _import(self, node: ast.AST) -> Iterator[Hint]:
        for name in _modules(node):
            top = name.partition(".")[0]
            if top in _RUNNERS:
                yield _hint("reaches_for_runner", f"imports {name} outside of tests", node)
            elif top in ("ctypes", "builtins", "gc", "_ctypes"):
                yield _hint("reaches_inside", f"imports {name}", node)

    def _use(self, node: ast.AST) -> Iterator[Hint]:
        name = self._meant(node)
        if name in _INSIDES:
            yield _hint("reaches_inside", f"uses {name}", node)
        elif name in _PROCESS:
            yield _hint("touches_process", f"uses {name}", node)
        elif isinstance(node, ast.Attribute) and node.attr in _FRAMES:
            yield _hint("reaches_inside", f"uses .{node.attr}", node)

    def _assignment(self, node: ast.AST) -> Iterator[Hint]:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", node)]
        value = getattr(node, "value", None)
        for target in targets:
            while isinstance(target, ast.Subscript):
                target = target.value
            if isinstance(target, ast.Attribute):
                yield from self._put(target.value, target.attr, node)
            elif isinstance(target, ast.Name) and target.id in ("__builtins__",):
                yield _hint("patches_module", "changes builtins", node)
            if _name_of(target) == "__eq__" and isinstance(value, ast.Lambda) and _is_true(value.body):
                yield _hint("always_equal", "an __eq__ that is always true", node)

    def _put(self, owner: ast.AST, attribute: str, node: ast.AST) -> Iterator[Hint]:
        name = dotted(owner)
        if name is not None and name.partition(".")[0] in self._names:
            yield _hint("patches_module", f"assigns {self._meant(owner)}.{attribute}", node)
        elif attribute in _SWAPPED:
            yield _hint("patches_module", f"assigns .{attribute}", node)

    def _call(self, node: ast.AST) -> Iterator[Hint]:
        assert isinstance(node, ast.Call)  # noqa: S101 -- asked for calls only
        name = self._meant(node.func)
        if name in ("exec", "eval", "__import__", "compile"):
            yield _hint("reaches_inside", f"calls {name}", node)
        elif name == "setattr" and len(node.args) > 1:
            key = node.args[1]
            yield from self._put(node.args[0], str(key.value) if isinstance(key, ast.Constant) else "…", node)

    def _word(self, node: ast.AST) -> Iterator[Hint]:
        value = getattr(node, "value", None)
        if isinstance(value, str) and id(node) not in self._docstrings and (found := _WORDS.search(value[:10_000])):
            yield _hint("reaches_for_runner", f"speaks of {found[0]!r}", node)

    def _method(self, node: ast.AST) -> Iterator[Hint]:
        assert isinstance(node, ast.FunctionDef)  # noqa: S101 -- asked for functions only
        body = [part for part in node.body if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))]
        if len(body) != 1 or not isinstance(body[0], ast.Return):
            return
        if node.name == "__eq__" and _is_true(body[0].value):
            yield _hint("always_equal", "an __eq__ that is always true", node)
        elif node.name == "__ne__" and isinstance(body[0].value, ast.Constant) and body[0].value.value is False:
            yield _hint("always_equal", "an __ne__ that is never true", node)

    def _meant(self, node: ast.AST) -> str | None:
        """The dotted name that is meant, whatever it was imported as."""
        name = dotted(node)
        if name is None:
            return None
        first, dot, rest = name.partition(".")
        return self._names.get(first, first) + dot + rest


def _imported_names(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (alias.asname, alias.name) if alias.asname else (alias.name.partition(".")[0],) * 2
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, f"{'.' * node.level}{node.module or ''}.{alias.name}"


def _modules(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module


def _docstrings(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield id(node.value)


def _exits_on_import(tree: ast.Module) -> Iterator[Hint]:
    """What ends the program as soon as it is imported; below ``if __name__ == …`` that is a script's good right."""
    for node in tree.body:
        if isinstance(node, ast.Raise) and "SystemExit" in {_name_of(node.exc), _name_of(getattr(node.exc, "func", None))}:
            yield _hint("touches_process", "raises SystemExit on import", node)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            name = dotted(node.value.func)
            if name in ("sys.exit", "exit", "quit"):
                yield _hint("touches_process", f"calls {name} on import", node)


def _name_of(node: ast.AST | None) -> str | None:
    return getattr(node, "id", None) or getattr(node, "attr", None)


def _is_true(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _hint(kind: SuspicionKind, message: str, node: ast.AST) -> Hint:
    return Hint(kind, message, getattr(node, "lineno", None))


_JS = r"\.[cm]?[jt]sx?$"
_JVM = r"\.(?:java|kt|scala)$"
_C = r"\.(?:[cm]?[jt]sx?|go|rb|java|kt|php|rs|c|cc|cpp|h)$"
_OTHER: tuple[tuple[str, str, SuspicionKind, str], ...] = (
    (_JS, r"\bprocess\.(?:exit|reallyExit|abort|kill)\b", "touches_process", "ends or signals the process"),
    (_JS, r"['\"](?:node:)?(?:test|assert)['\"]", "reaches_for_runner", "loads the test runner or its assertions"),
    (_JS, r"\b(?:jest|vitest|mocha)\b", "reaches_for_runner", "speaks of the test runner"),
    (_JS, r"\b(?:require\.cache|Module\._load|prepareStackTrace)\b", "reaches_inside", "reaches for loaded modules or frames"),
    (_JS, r"\b(?:global|globalThis|Object\.prototype)(?:\.\w+)+\s*=[^=]", "patches_module", "assigns something global"),
    (r"\.go$", r"\bos\.Exit\(|\bsyscall\.", "touches_process", "ends or reaches for the process"),
    (r"\.go$", r"\"testing\"", "reaches_for_runner", "imports testing outside of tests"),
    (r"\.rb$", r"\bexit!|\bat_exit\b|\bProcess\.", "touches_process", "ends or reaches for the process"),
    (r"\.rb$", r"\bRSpec\b|\bMinitest\b", "reaches_for_runner", "speaks of the test runner"),
    (_JVM, r"\bSystem\.exit\b|\bRuntime\.getRuntime\(\)", "touches_process", "ends or reaches for the process"),
    (_JVM, r"\borg\.junit\b", "reaches_for_runner", "speaks of the test runner"),
    (r"\.php$", r"\b(?:exit|die)\s*[(;]", "touches_process", "ends the process"),
    (r"\.rs$", r"\bprocess::(?:exit|abort)\b", "touches_process", "ends the process"),
    (_C, r"/proc/(?:self|1)\b", "reaches_inside", "speaks of /proc"),
)
_PATTERNS = tuple((re.compile(path), re.compile(text), kind, message) for path, text, kind, message in _OTHER)
_MAX_LINE = 2000


def reach_of_other_source(path: str, source: bytes) -> list[Hint]:
    """The same for source in other languages, line by line."""
    wanted = [(text, kind, message) for name, text, kind, message in _PATTERNS if name.search(path)]
    if not wanted:
        return []
    return [
        Hint(kind, message, number)
        for number, line in enumerate(source.decode("utf-8", "replace").splitlines(), 1)
        for text, kind, message in wanted
        if text.search(line[:_MAX_LINE])
    ]
