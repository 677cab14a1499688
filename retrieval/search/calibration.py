"""From the scores of a photo's channels to a probability. Reads calibrations/*.json; writes such a file.

The probability is that of a person saying that the sentence describes the photo, small errors aside.
`eval.calibration` says how it is fitted, and measures it.

Shapes: P photos.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError

from retrieval.channel import Channel
from retrieval.config import describe_first
from retrieval.errors import ConfigError, UsageError
from retrieval.store.files import write_file
from retrieval.store.manifest import Manifest, Sha256

_SHIPPED = Path(__file__).parent / "calibrations"
_Finite = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class Logistic:
    """Platt scaling (Platt 1999): 1 / (1 + e^-(bias + Σ weight · score)), of the channels with a weight."""

    weights: Annotated[Mapping[Channel, _Finite], Field(min_length=1)]
    bias: _Finite

    def probabilities(self, scores: Mapping[Channel, np.ndarray]) -> np.ndarray:
        """float64 (P,), for each channel's scores (P,)."""
        logit_P = self.bias + sum(
            weight * scores[channel].astype(np.float64) for channel, weight in self.weights.items()
        )
        return np.asarray(1 / (1 + np.exp(-logit_P)))


@dataclass(frozen=True, slots=True)
class Calibration:
    """Probabilities for the indexes that these models made.

    There is a curve for each set of channels that may be searched together. `agreement` is how near a
    sentence must come to people's captions of a photo to count as describing it; `fitted_on` says on what.
    """

    captioner_sha256: Sha256
    text_encoder_sha256: Sha256
    curves: tuple[Logistic, ...]
    agreement: _Finite
    fitted_on: str

    def fits(self, manifest: Manifest) -> bool:
        """Whether it was fitted with the models that made this index, its image head among them."""
        knows_images = any(Channel.IMAGE in curve.weights for curve in self.curves)
        # `retrieve repair` leaves out a head that was damaged; captions are then searched in another space.
        return (
            (manifest.image_head is not None or not knows_images)
            and manifest.captioner.sha256 == self.captioner_sha256
            and manifest.text_encoder.sha256 == self.text_encoder_sha256
        )

    def require_fit(self, manifest: Manifest) -> None:
        """Refuse an index that other models made.

        Raises:
            UsageError: it is one.
        """
        if not self.fits(manifest):
            raise UsageError(
                f"found a calibration of other models ({self.fitted_on}), expected one of "
                f"{manifest.captioner.name}, which made this index; fit it with them: `retrieve calibrate`"
            )

    def find_curve(self, channels: frozenset[Channel]) -> Logistic | None:
        """The curve for a search of these channels: the one that takes the most of them into account."""
        usable = [curve for curve in self.curves if channels.issuperset(curve.weights)]
        return max(usable, key=lambda curve: len(curve.weights), default=None)


_CALIBRATION = TypeAdapter(Calibration)


def read_calibration(path: str | Path) -> Calibration:
    """The calibration in a file.

    Raises:
        ConfigError: there is none.
    """
    try:
        return _CALIBRATION.validate_json(Path(path).read_bytes(), extra="forbid")
    except OSError as error:
        raise ConfigError(
            f"cannot read {path} ({error.strerror}), expected a calibration; name a file that "
            "`retrieve calibrate` wrote"
        ) from None
    except ValidationError as error:
        raise ConfigError(f"{path} is no calibration: {describe_first(error)}; fit it again") from None


def write_calibration(path: Path, calibration: Calibration) -> None:
    """Write what `read_calibration` reads."""
    write_file(path, (json.dumps(asdict(calibration), indent=1) + "\n").encode())


def find_calibration(manifest: Manifest) -> Calibration | None:
    """The shipped calibration for the models that made an index; None where there is none."""
    shipped = (read_calibration(path) for path in sorted(_SHIPPED.glob("*.json")))
    return next((calibration for calibration in shipped if calibration.fits(manifest)), None)
