"""What one process measures of a counterpart in PyTorch: eager, channels-last, `torch.optim.Adam`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from daenr_tf.benchmark import timing
from daenr_tf.benchmark.model import SERVED_BATCH, WARM_UP
from daenr_tf.benchmark.request import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    from daenr_tf.benchmark.torch_network import Network


def measure(order: dict[str, Any]) -> dict[str, Any]:
    """The figures of `model.measure` that PyTorch has as well.

    Args:
        order: `request`, `began` as of `model.start`; `threads`, `parameters`, `train_images`,
            `neurons`: those of our model.

    Returns:
        dict as of `model.measure`, without operations; or {"refused": a sentence} where the
        counterpart has another number of trainable parameters.
    """
    request = Request.from_dict(order["request"])
    laps = timing.Laps(order["began"])
    import torch

    from daenr_tf.benchmark.torch_network import Network

    torch.set_num_threads(order["threads"])
    laps.lap("import")
    images, responses = _data(request, order["train_images"], order["neurons"])
    laps.lap("data")
    torch.manual_seed(0)
    network = Network(request.config, order["neurons"])
    parameters = sum(parameter.numel() for parameter in network.parameters())
    if parameters != order["parameters"]:
        return {
            "refused": f"the counterpart in PyTorch: expected {order['parameters']} trainable"
            f" parameters, as our {request.title} has, found {parameters}"
        }
    step = _step_function(network, _batches(images, responses, request.batch_size), request)
    laps.lap("build")
    step()
    laps.lap("first_step")
    for _ in range(WARM_UP):
        step()
    taken = timing.each(step, request.steps)
    facts = {
        "startup": laps.seconds,
        "threads": torch.get_num_threads(),
        "parameters": parameters,
        "training": {
            "images_per_second": request.steps * request.batch_size / sum(taken),
            "step": timing.spread(taken),
        },
        "peak_memory_bytes": timing.peak_memory(),
    }
    return {**facts, "serving": _serving(network, request)}


def _data(request: Request, count: int, neurons: int) -> tuple[Tensor, Tensor]:
    """Random images (count, channels, height, width) in [-1, 1], channels last, and responses."""
    import torch

    height, width, channels = request.image_shape
    images = torch.rand(count, channels, height, width) * 2 - 1
    return images.contiguous(memory_format=torch.channels_last), torch.rand(count, neurons)


def _batches(images: Tensor, responses: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless full batches, each epoch in an order of its own."""
    import torch

    order = torch.empty(0, dtype=torch.int64)
    while True:
        while len(order) < size:
            order = torch.cat([order, torch.randperm(len(images))])
        chosen, order = order[:size], order[size:]
        yield (
            images[chosen].contiguous(memory_format=torch.channels_last),
            responses[chosen],
        )


def _step_function(
    network: Network, batches: Iterator[tuple[Tensor, Tensor]], request: Request
) -> Callable[[], None]:
    import torch

    optimizer = torch.optim.Adam(network.parameters(), request.config.training.learning_rate)

    def step() -> None:
        images, responses = next(batches)
        optimizer.zero_grad()
        network.loss(images, responses).backward()
        optimizer.step()

    return step


def _serving(network: Network, request: Request) -> dict[str, Any]:
    """Under the names of our signatures: all heads, and the responses alone."""
    import torch

    network.eval()
    images, _ = _data(request, SERVED_BATCH, 1)
    answers = {"serving_default": network}
    if network.readout:
        answers["respond"] = network.respond
    with torch.inference_mode():
        return {
            name: timing.answering(answer, images, images[:1], request.steps)
            for name, answer in answers.items()
        }
