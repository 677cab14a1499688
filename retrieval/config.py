"""Configs: reads one TOML file per job into a validated model. Writes nothing."""

import difflib
import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from retrieval.errors import ConfigError


class Config(BaseModel):
    """The base of every job's config: frozen, unknown keys refused, no NaN and no infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


C = TypeVar("C", bound=Config)


def load_config(model: type[C], path: Path | None) -> C:
    """The config in the TOML file `path`, or `model`'s defaults where `path` is None.

    Raises:
        ConfigError: no such file, not TOML, an unknown key (the nearest known one is named) or a wrong value.
    """
    if path is None:
        return model()
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"found no config file {path}, expected a TOML file; check the path") from None
    except OSError as error:
        raise ConfigError(
            f"cannot read the config file {path}: {error.strerror}, expected a TOML file; check the path and "
            "whether you may read it"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}; correct the file") from None
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_describe(model, error)}") from None


def describe_first(error: ValidationError) -> str:
    """The first thing that is wrong with a document, as "where: what", or what alone where it is no JSON."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else str(first["msg"])


def _describe(model: type[BaseModel], error: ValidationError) -> str:
    problems = error.errors(include_url=False)
    problems.sort(key=lambda problem: problem["type"] != "extra_forbidden")
    first = problems[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        text = f"unknown key {key!r}, {_suggest(model, first['loc'])}"
    else:
        message = first["msg"].removeprefix("Value error, ")
        text = f"{key or 'the config'} is {first['input']!r}: {message}"
    return text if len(problems) == 1 else f"{text} (and {len(problems) - 1} more)"


def _suggest(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    known = sorted(_known_keys(model, location[:-1]))
    prefix = "".join(f"{part}." for part in location[:-1])
    nearest = difflib.get_close_matches(str(location[-1]), known, n=1)
    if nearest:
        return f"the nearest known one is '{prefix}{nearest[0]}'"
    return f"known here: {', '.join(prefix + key for key in known) or 'none'}"


def _known_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    current: Any = model
    for part in location:
        field = current.model_fields.get(part)
        annotation = field.annotation if field else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        current = annotation
    return list(current.model_fields)
