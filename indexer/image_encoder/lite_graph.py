"""EfficientNet-Lite, and what comes before it, as an ONNX graph. Reads and writes nothing.

Shapes: B photos, S pixels a side, C channels, H rows and as many columns, L = H² locations, D channels of an
annotation.
"""

from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper
from torch import nn

from indexer.image_encoder.efficientnet_lite import EfficientNetLite, InvertedResidual, SamePaddedConv2d
from indexer.image_encoder.encoder import ImageEncoder, Pixels

_OPERATORS, _FORMAT = 17, 8
_PIXELS = "pixels"


def build_graph(encoder: ImageEncoder) -> ModelProto:
    """The graph (pixels uint8 (B, S, S, 3)) → annotations a_BLD, float32, of an encoder in float32.

    Its trunk is an `EfficientNetLite` whose batch norms are folded.
    """
    graph, network = _Graph(), encoder.trunk
    assert isinstance(network, EfficientNetLite)
    size = encoder.image_size
    x_BCHH, side = graph.convolve(graph.normalise(encoder.expected), network.conv_stem, size)
    x_BCHH = graph.clip(x_BCHH)
    for block in network.blocks:
        assert isinstance(block, InvertedResidual)
        x_BCHH, side = graph.pass_through(x_BCHH, block, side)
    x_BCHH, side = graph.convolve(x_BCHH, network.conv_head, side)
    shape_BDL = graph.constant(np.array([0, network.conv_head.out_channels, side * side]))
    a_BDL = graph.add("Reshape", graph.clip(x_BCHH), shape_BDL)
    a_BLD = graph.add("Transpose", a_BDL, perm=[0, 2, 1])
    return graph.finish(size, a_BLD, side * side, network.conv_head.out_channels)


class _Graph:
    """Nodes in order; every node is named after its only output."""

    def __init__(self) -> None:
        self._constants: list[TensorProto] = []
        self._nodes: list[Any] = []
        self._zero, self._six = self.constant(np.float32(0)), self.constant(np.float32(6))

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"{operator} {len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def constant(self, value: np.ndarray | np.float32) -> str:
        name = f"constant {len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def normalise(self, expected: Pixels) -> str:
        """As `Normalise`; channels go first, then numbers: the other way round costs OpenVINO 7 %."""
        x_BSSC = self.add("Cast", _PIXELS, to=TensorProto.FLOAT)
        x_BCSS = self.add("Transpose", x_BSSC, perm=[0, 3, 1, 2])
        mean_C11, scale_C11 = (
            self.constant(np.array(each, dtype=np.float32).reshape(-1, 1, 1))
            for each in (expected.mean, expected.scale)
        )
        return self.add("Div", self.add("Sub", x_BCSS, mean_C11), scale_C11)

    def clip(self, x: str) -> str:
        """ReLU6."""
        return self.add("Clip", x, self._zero, self._six)

    def convolve(self, x_BCHH: str, layer: nn.Module, side: int) -> tuple[str, int]:
        """As `SamePaddedConv2d`, and how many rows come out of `side`."""
        assert isinstance(layer, SamePaddedConv2d)
        assert layer.bias is not None
        first, last = layer.padding_of(side)
        weights = [self.constant(each.detach().numpy()) for each in (layer.weight, layer.bias)]
        strides, groups = list(layer.stride), layer.groups
        y_BCHH = self.add(
            "Conv", x_BCHH, *weights, pads=[first, first, last, last], strides=strides, group=groups
        )
        return y_BCHH, -(-side // strides[0])

    def pass_through(self, x_BCHH: str, block: InvertedResidual, side: int) -> tuple[str, int]:
        """As `InvertedResidual`, and how many rows come out of `side`."""
        y_BCHH = x_BCHH
        if block.expands:
            y_BCHH, side = self.convolve(y_BCHH, block.expand_conv, side)
            y_BCHH = self.clip(y_BCHH)
        y_BCHH, side = self.convolve(y_BCHH, block.depthwise_conv, side)
        y_BCHH, side = self.convolve(self.clip(y_BCHH), block.project_conv, side)
        return (self.add("Add", x_BCHH, y_BCHH) if block.has_skip else y_BCHH), side

    def finish(self, size: int, a_BLD: str, locations: int, channels: int) -> ModelProto:
        pixels = helper.make_tensor_value_info(_PIXELS, TensorProto.UINT8, ["B", size, size, 3])
        output = helper.make_tensor_value_info(a_BLD, TensorProto.FLOAT, ["B", locations, channels])
        graph = helper.make_graph(self._nodes, "EfficientNet-Lite", [pixels], [output], self._constants)
        operators = [helper.make_opsetid("", _OPERATORS)]
        return helper.make_model(graph, opset_imports=operators, ir_version=_FORMAT)
