"""Floating-point operations, counted from the shapes in a traced graph.

Counted are convolutions, their gradients and matrix products; a multiply-add is two operations.
Everything else (normalisation, activations, penalties, the update) is not: it is bound by memory,
not by arithmetic. A convolution is counted as if its padding were image.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tensorflow as tf

BATCH = 2  # of the graph that the forward pass is counted in: 1 might be taken for a broadcast


class UnknownShapeError(ValueError):
    """An operation's shape is not known while tracing."""


@dataclass(frozen=True)
class Count:
    """What a graph computes.

    Attributes:
        kinds: dict of an operation's type -> floating-point operations.
        left_out: types of operations that should be counted and can't be: in a loop or a branch,
            or of a shape that is not known while tracing.
    """

    kinds: dict[str, int] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.kinds.values())


def count(graph: tf.Graph) -> Count:
    """The operations of a function's graph, once through, that its outputs and effects need.

    A gradient's rule puts more into a graph than is asked for, such as the gradient of the images.
    """
    kinds, left_out = Counter(), set()
    for operation in _needed(graph):
        rule = RULES.get(operation.type)
        if rule:
            try:
                kinds[operation.type] += rule(operation)
            except UnknownShapeError:
                left_out.add(operation.type)
    for function in graph.as_graph_def().library.function:
        left_out |= {node.op for node in function.node_def if node.op in RULES}
    return Count(dict(kinds), tuple(sorted(left_out)))


def of_forward(model: Any) -> Count:
    """What a `DAENR` computes for `BATCH` images, all heads."""
    import tensorflow as tf

    images = tf.TensorSpec((BATCH, *model.image_shape), tf.float32)
    function = tf.function(lambda images: model.forward(images)[0], autograph=False)
    return count(function.get_concrete_function(images).graph)


def of_training_step(model: Any, batch_size: int) -> Count:
    """What a compiled `DAENR` computes in a step of training: forward, backward and update."""
    import tensorflow as tf

    images = tf.TensorSpec((batch_size, *model.image_shape), tf.float32)
    responses = tf.TensorSpec((batch_size, model.neurons), tf.float32)
    inputs = {"images": images, "draws": tf.TensorSpec((batch_size,), tf.int64)}
    targets = {"reconstruction": images, "response": responses}
    step = tf.function(lambda *data: model.train_step(data), autograph=False)
    traced = step.get_concrete_function(inputs, {head: targets[head] for head in model.heads})
    return count(traced.graph)


def _needed(graph: tf.Graph) -> Iterable[tf.Operation]:
    """The operations that a function's outputs and its effects come from."""
    waiting = [tensor.op for tensor in graph.outputs] + list(graph.control_outputs)
    seen = set()
    while waiting:
        operation = waiting.pop()
        if operation not in seen:
            seen.add(operation)
            waiting += [tensor.op for tensor in operation.inputs]
            waiting += operation.control_inputs
    return seen


def _shape(tensor: tf.Tensor) -> list[int]:
    if not tensor.shape.is_fully_defined():
        raise UnknownShapeError(tensor.name)
    return tensor.shape.as_list()


def _convolution(activations: tf.Tensor, kernel: tf.Tensor, layout: bytes) -> int:
    """Two operations per output place, output channel, and weight that one channel has.

    Args:
        activations: what the convolution (not its gradient) puts out.
        kernel: (height, width, channels in per group, channels out).
    """
    shape = _shape(activations)
    channels = shape[layout.index(b"C")]
    return 2 * math.prod(shape) // channels * math.prod(_shape(kernel))


def _forward(operation: tf.Operation) -> int:
    return _convolution(
        operation.outputs[0], operation.inputs[1], operation.get_attr("data_format")
    )


def _by_input(operation: tf.Operation) -> int:
    return _convolution(operation.inputs[2], operation.inputs[1], operation.get_attr("data_format"))


def _by_filter(operation: tf.Operation) -> int:
    return _convolution(
        operation.inputs[2], operation.outputs[0], operation.get_attr("data_format")
    )


def _product(transposed: str) -> Callable[[tf.Operation], int]:
    """A rule for a matrix product, of which an attribute tells whether the first is transposed."""

    def rule(operation: tf.Operation) -> int:
        inner = _shape(operation.inputs[0])[-2 if operation.get_attr(transposed) else -1]
        return 2 * math.prod(_shape(operation.outputs[0])) * inner

    return rule


def _einsum(operation: tf.Operation) -> int:
    """Every combination of the labels is one multiplication, and one addition where any is summed."""
    left, right = operation.get_attr("equation").decode().split("->")
    sizes: dict[str, int] = {}
    for labels, tensor in zip(left.split(","), operation.inputs, strict=True):
        sizes |= zip(_labels(labels, len(_shape(tensor))), _shape(tensor), strict=True)
    if len(operation.inputs) < 2:
        return 0
    summed = set(sizes) - set(_labels(right, len(_shape(operation.outputs[0]))))
    return (2 if summed else 1) * math.prod(sizes.values())


def _labels(labels: str, rank: int) -> Iterable[str]:
    """The labels of an operand's axes; those under "..." are numbered from the right."""
    before, dots, after = labels.partition("...")
    between = rank - len(before) - len(after) if dots else 0
    return [*before, *(f"...{number}" for number in range(between, 0, -1)), *after]


RULES: dict[str, Callable[[Any], int]] = {
    "Conv2D": _forward,
    "Conv2DBackpropInput": _by_input,
    "Conv2DBackpropFilter": _by_filter,
    "MatMul": _product("transpose_a"),
    "BatchMatMulV2": _product("adj_x"),
    "Einsum": _einsum,
}
