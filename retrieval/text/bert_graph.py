"""BERT as an ONNX graph, whose weights stay in the model's own file. Reads and writes nothing.

Devlin et al. 2019; shapes: B texts, L tokens, D dimensions, S = B · L.
"""

from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from retrieval.text.bert_model import BertModel, Tensor

# The first versions of ONNX that know GELU and attention.
_OPERATORS, _FORMAT = 23, 11


def build_graph(model: BertModel) -> ModelProto:
    """The graph (tokens int64 (B, L), mask float32 (B, L)) → unit vectors float32 (B, D)."""
    graph, config = _Graph(model), model.config
    flat, batch_SD = graph.constant([-1, config.hidden_size]), graph.constant([config.hidden_size])
    length = graph.add("Shape", "tokens", start=1)
    shape_BLD = graph.add("Concat", graph.add("Shape", "tokens"), batch_SD, axis=0)
    # log 1 = 0 and log 0 = −∞: what is no token gets no attention.
    bias_B11L = graph.add("Unsqueeze", graph.add("Log", "mask"), graph.constant([1, 2]))
    per_query = graph.add("Concat", length, graph.constant([1]), axis=0)
    bias_B1LL = graph.add("Expand", bias_B11L, per_query)

    def linear(x_SD: str, name: str) -> str:
        return graph.add("Gemm", x_SD, f"{name}.weight", f"{name}.bias", transB=1)

    def normalise(x_SD: str, name: str) -> str:
        epsilon = config.layer_norm_eps
        return graph.add("LayerNormalization", x_SD, f"{name}.weight", f"{name}.bias", epsilon=epsilon)

    def attend(x_SD: str, name: str) -> str:
        parts = (linear(x_SD, f"{name}.{part}") for part in ("query", "key", "value"))
        query, key, value = (graph.add("Reshape", part_SD, shape_BLD) for part_SD in parts)
        heads = config.num_attention_heads
        context_BLD = graph.add(
            "Attention", query, key, value, bias_B1LL, q_num_heads=heads, kv_num_heads=heads
        )
        return graph.add("Reshape", context_BLD, flat)

    words_BLD = graph.add("Gather", "embeddings.word_embeddings.weight", "tokens")
    places_LD = graph.add("Slice", "embeddings.position_embeddings.weight", graph.constant([0]), length)
    kind_D = graph.add("Gather", "embeddings.token_type_embeddings.weight", graph.constant(0))
    x_BLD = graph.add("Add", graph.add("Add", words_BLD, kind_D), places_LD)
    x_SD = normalise(graph.add("Reshape", x_BLD, flat), "embeddings.LayerNorm")
    for number in range(config.num_hidden_layers):
        layer = f"encoder.layer.{number}"
        attended_SD = linear(attend(x_SD, f"{layer}.attention.self"), f"{layer}.attention.output.dense")
        x_SD = normalise(graph.add("Add", attended_SD, x_SD), f"{layer}.attention.output.LayerNorm")
        inner_SI = graph.add("Gelu", linear(x_SD, f"{layer}.intermediate.dense"))
        outer_SD = linear(inner_SI, f"{layer}.output.dense")
        x_SD = normalise(graph.add("Add", outer_SD, x_SD), f"{layer}.output.LayerNorm")
    x_BLD = graph.add("Reshape", x_SD, shape_BLD)
    if model.pooling == "cls":
        pooled_BD = graph.add("Gather", x_BLD, graph.constant(0), axis=1)
    else:
        # The sum of the tokens' vectors has the direction of their mean.
        mask_B1L = graph.add("Unsqueeze", "mask", graph.constant([1]))
        pooled_BD = graph.add("Squeeze", graph.add("MatMul", mask_B1L, x_BLD), graph.constant([1]))
    return graph.finish(graph.add("LpNormalization", pooled_BD, axis=1, p=2))


class _Graph:
    """Nodes in order; every node is named after its only output."""

    def __init__(self, model: BertModel) -> None:
        self._dimension = model.config.hidden_size
        self._weights = [_refer(name, tensor, model.weights.name) for name, tensor in model.tensors.items()]
        self._constants: list[TensorProto] = []
        self._nodes: list[Any] = []

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"{operator} {len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def constant(self, value: Any) -> str:
        name = f"constant {len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.array(value, dtype=np.int64), name))
        return name

    def finish(self, vectors: str) -> ModelProto:
        inputs = [
            helper.make_tensor_value_info("tokens", TensorProto.INT64, ["B", "L"]),
            helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["B", "L"]),
        ]
        output = helper.make_tensor_value_info(vectors, TensorProto.FLOAT, ["B", self._dimension])
        graph = helper.make_graph(self._nodes, "BERT", inputs, [output], self._constants + self._weights)
        operators = [helper.make_opsetid("", _OPERATORS)]
        return helper.make_model(graph, opset_imports=operators, ir_version=_FORMAT)


def _refer(name: str, tensor: Tensor, file: str) -> TensorProto:
    weight = TensorProto(name=name, dims=tensor.shape, data_type=TensorProto.FLOAT)
    weight.data_location = TensorProto.EXTERNAL
    for key, value in {"location": file, "offset": tensor.offset, "length": tensor.bytes}.items():
        weight.external_data.add(key=key, value=str(value))
    return weight
