"""A text encoder that is a plain BERT: what its folder says of it. Reads JSON and a safetensors header.

Sentence-transformers models of this kind are MiniLM, BGE, E5, GTE and many others.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, PositiveInt, model_validator

_CHAINS = (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
_LENGTH_BYTES = 8


class BertConfig(BaseModel):
    """`config.json`: the hyper-parameters, and that there is nothing unusual about the model."""

    model_type: Literal["bert"]
    hidden_act: Literal["gelu"]
    position_embedding_type: Literal["absolute"] = "absolute"
    is_decoder: Literal[False] = False
    add_cross_attention: Literal[False] = False
    quantization_config: None = None
    vocab_size: PositiveInt
    hidden_size: PositiveInt
    intermediate_size: PositiveInt
    num_hidden_layers: PositiveInt
    num_attention_heads: PositiveInt
    max_position_embeddings: PositiveInt
    type_vocab_size: PositiveInt
    layer_norm_eps: float

    @model_validator(mode="after")
    def _require_whole_heads(self) -> Self:
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(f"found {self.hidden_size} dimensions for {self.num_attention_heads} heads")
        return self


class _TokenizerConfig(BaseModel):
    tokenizer_class: Literal[
        "BertTokenizer", "BertTokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend"
    ]
    model_max_length: float = float("inf")
    do_lower_case: bool = True
    strip_accents: bool | None = None
    tokenize_chinese_chars: bool = True


class _TransformerConfig(BaseModel):
    max_seq_length: PositiveInt | None = None
    do_lower_case: Literal[False] = False
    transformer_task: Literal["feature-extraction"] = "feature-extraction"
    module_output_name: Literal["token_embeddings"] = "token_embeddings"


class _PoolingConfig(BaseModel):
    pooling_mode: Literal["mean", "cls"]

    @model_validator(mode="before")
    @classmethod
    def _name_flags(cls, values: Any) -> Any:
        """Older models have a flag for each mode."""
        prefix = "pooling_mode_"
        chosen = [name.removeprefix(prefix) for name in values if name.startswith(prefix) and values[name]]
        known = {"mean_tokens": "mean", "cls_token": "cls"}
        return values | {"pooling_mode": known.get(chosen[0])} if len(chosen) == 1 else values


class _PromptConfig(BaseModel):
    default_prompt_name: None = None


@dataclass(frozen=True, slots=True)
class Tensor:
    """Where the float32 numbers of a weight lie in its file."""

    shape: tuple[int, ...]
    offset: int
    bytes: int


@dataclass(frozen=True, slots=True)
class BertModel:
    """A BERT with pooling on top; `tensors` lie in the file `weights`, by the names that BERT gives them.

    `lowers`, `strips_accents` and `splits_chinese` say what the tokenizer must do to a text, and
    `most_tokens` where it is cut.
    """

    config: BertConfig
    pooling: str
    most_tokens: int
    tokenizer: Path
    lowers: bool
    strips_accents: bool | None
    splits_chinese: bool
    weights: Path
    tensors: Mapping[str, Tensor]


def read_bert(folder: Path) -> BertModel:
    """The BERT in a sentence-transformers folder.

    Raises:
        OSError, ValueError, KeyError, TypeError: it is something else, or damaged.
    """
    modules = [(module["type"], folder / module["path"]) for module in _read_json(folder / "modules.json")]
    chain = [kind.rpartition(".")[2] for kind, _ in modules]
    if chain not in _CHAINS or not all(kind.startswith("sentence_transformers.") for kind, _ in modules):
        raise ValueError(f"found modules {chain}, expected one of {_CHAINS}")
    transformer, pooling = modules[0][1], modules[1][1]
    if (folder / "config_sentence_transformers.json").exists():
        _PromptConfig.model_validate(_read_json(folder / "config_sentence_transformers.json"))
    config = BertConfig.model_validate(_read_json(transformer / "config.json"))
    cut = _TransformerConfig.model_validate(_read_json(transformer / "sentence_bert_config.json"))
    tokenizer = _TokenizerConfig.model_validate(_read_json(transformer / "tokenizer_config.json"))
    weights = (transformer / "model.safetensors").resolve(strict=True)
    return BertModel(
        config=config,
        pooling=_PoolingConfig.model_validate(_read_json(pooling / "config.json")).pooling_mode,
        most_tokens=int(
            min(cut.max_seq_length or tokenizer.model_max_length, config.max_position_embeddings)
        ),
        tokenizer=transformer / "tokenizer.json",
        lowers=tokenizer.do_lower_case,
        strips_accents=tokenizer.strip_accents,
        splits_chinese=tokenizer.tokenize_chinese_chars,
        weights=weights,
        tensors=_find_tensors(weights, config),
    )


def _find_tensors(weights: Path, config: BertConfig) -> dict[str, Tensor]:
    with open(weights, "rb") as file:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        numbers = weights.stat().st_size - _LENGTH_BYTES - length
        if numbers < 0:
            raise ValueError(f"{weights} is not a safetensors file")
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    if numbers != max(entry["data_offsets"][1] for entry in header.values()):
        raise ValueError(f"{weights} is not whole")
    tensors = {}
    for name, shape in _list_shapes(config).items():
        found, (start, end) = header[name], header[name]["data_offsets"]
        if (found["dtype"], tuple(found["shape"]), end - start) != ("F32", shape, 4 * math.prod(shape)):
            raise ValueError(f"found {found} for {name}, expected F32 of shape {shape}")
        tensors[name] = Tensor(shape, _LENGTH_BYTES + length + start, end - start)
    return tensors


def _list_shapes(config: BertConfig) -> dict[str, tuple[int, ...]]:
    wide, inner = config.hidden_size, config.intermediate_size
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (config.vocab_size, wide),
        "embeddings.position_embeddings.weight": (config.max_position_embeddings, wide),
        "embeddings.token_type_embeddings.weight": (config.type_vocab_size, wide),
    }
    norms = ["embeddings.LayerNorm"]
    maps: dict[str, tuple[int, ...]] = {}
    for number in range(config.num_hidden_layers):
        layer = f"encoder.layer.{number}"
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
        maps |= {f"{layer}.attention.self.{part}": (wide, wide) for part in ("query", "key", "value")}
        maps |= {f"{layer}.attention.output.dense": (wide, wide)}
        maps |= {f"{layer}.intermediate.dense": (inner, wide), f"{layer}.output.dense": (wide, inner)}
    for name in norms:
        shapes |= {f"{name}.weight": (wide,), f"{name}.bias": (wide,)}
    for name, shape in maps.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    return shapes


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
