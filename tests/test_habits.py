"""What is public in the package has type hints and a docstring."""

import ast
import textwrap
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "daenr_tf"
# What a method of one of these names does is Keras', PyTorch's or argparse's to say; a class's own docstring says
# the shapes that it takes and gives.
SAID_ELSEWHERE = {"build", "call", "compute_output_shape", "get_config", "error", "forward"}
# Readers of an option's text, whose messages say what was expected.
SAID_BY_NAME = {"whole", "number", "count", "size"}


def public(tree, inside=""):
    """(name, node) of the classes, methods and functions that are for others."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield f"{inside}{node.name}", node
            yield from public(node, f"{inside}{node.name}.")
        elif isinstance(node, ast.FunctionDef):
            special = inside and node.name.startswith("__") and node.name.endswith("__")
            if special or not node.name.startswith("_"):
                yield f"{inside}{node.name}", node


def without_hints(tree):
    """Names of arguments without a type, and of functions that don't say what they return."""
    for name, function in public(tree):
        if isinstance(function, ast.ClassDef):
            continue
        given = function.args
        arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        for argument in filter(None, arguments):
            if argument.annotation is None and argument.arg not in ("self", "cls"):
                yield f"{name}({argument.arg})"
        if function.returns is None:
            yield f"{name} -> "


def without_docstring(tree):
    """Names of modules, classes, functions and methods that no docstring describes."""
    if not ast.get_docstring(tree):
        yield "the module"
    for name, node in public(tree):
        owner, _, own = name.rpartition(".")
        excused = own.startswith("__") or own in (SAID_ELSEWHERE if owner else SAID_BY_NAME)
        if not excused and not ast.get_docstring(node):
            yield name


def lacking(find):
    """What `find` finds in every module of the package: list of "path: name"."""
    return [
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for name in find(ast.parse(path.read_text(encoding="utf-8")))
    ]


MADE_UP = ast.parse(
    textwrap.dedent(
        '''
        """A module."""

        def named(first: int, *rest, key=None, **others: int) -> None:
            def inside(anything):
                pass

        def _own(anything):
            pass

        class Kind:
            def __init__(self, size):
                """Of a size."""

            @property
            def size(self):
                """Its size."""

            def call(self) -> int:
                pass

            def grow(self) -> None:
                pass

        class _Own:
            def grow(self):
                pass
        '''
    )
)


def test_what_lacks_a_hint_is_found():
    assert list(without_hints(MADE_UP)) == [
        "named(key)",
        "named(rest)",
        "Kind.__init__(size)",
        "Kind.__init__ -> ",
        "Kind.size -> ",
    ]


def test_what_lacks_a_docstring_is_found():
    assert list(without_docstring(MADE_UP)) == ["named", "Kind", "Kind.grow"]
    assert list(without_docstring(ast.parse("x = 1"))) == ["the module"]


def test_what_is_public_has_type_hints():
    assert lacking(without_hints) == []


def test_what_is_public_has_a_docstring():
    assert lacking(without_docstring) == []
