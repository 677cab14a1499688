"""What `retrieve ablate` changes. Reads configs/ablation.toml through `retrieval.config`."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import Field, model_validator

from eval.ablation.experiments import Text
from eval.config import EvalConfig
from eval.searching import systems
from retrieval.channel import Channel
from retrieval.config import Config


class System(StrEnum):
    """Who may be measured: a channel alone, all of them fused, or that ranked again."""

    CAPTION = Channel.CAPTION
    IMAGE = Channel.IMAGE
    LEXICAL = Channel.LEXICAL
    FUSED = systems.FUSED
    RERANKED = systems.RERANKED


class Change(Config):
    """One thing that is otherwise, and the systems that are measured with it.

    `index` has keys of configs/index.toml, `fusion` and `rerank` those of tables of configs/search.toml.
    """

    name: Text
    what: Text
    systems: tuple[System, ...] = Field(default=(System.FUSED,), min_length=1)
    index: Mapping[str, Any] = Field(default_factory=dict)
    fusion: Mapping[str, Any] = Field(default_factory=dict)
    rerank: Mapping[str, Any] = Field(default_factory=dict)

    def apply(self, config: EvalConfig) -> EvalConfig:
        """`config` with the keys of this change; ValueError where one of them is unknown or wrong."""
        changed = config.model_dump()
        changed["index"].update(self.index)
        changed["search"]["fusion"].update(self.fusion)
        changed["search"]["rerank"].update(self.rerank)
        return EvalConfig.model_validate(changed)


class AblationConfig(Config):
    """The keys of configs/ablation.toml: what is changed, one thing at a time, and how all else is.

    The latter, `unchanged`, has the keys of configs/eval.toml.
    """

    unchanged: EvalConfig = EvalConfig()
    change: tuple[Change, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _require_possible_changes(self) -> "AblationConfig":
        names = [change.name for change in self.change]
        if len(set(names)) < len(names):
            raise ValueError(f"found changes of one name among {', '.join(names)}, expected a name for each")
        for change in self.change:
            changed = change.apply(self.unchanged)
            if changed == self.unchanged:
                raise ValueError(f"found nothing that {change.name!r} changes, expected another value")
            if changed.index.image_head == "none" and System.IMAGE in change.systems:
                raise ValueError(
                    f"found no image head with {change.name!r}, expected image vectors; leave image out "
                    "of its systems"
                )
        return self
