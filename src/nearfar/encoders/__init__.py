"""Encoders: a batch of inputs → features. ``ENCODERS`` names all that a study file may ask for."""

from collections.abc import Mapping
from typing import Any

from nearfar.data import Inputs
from nearfar.encoders.adapter import Adapter
from nearfar.encoders.base import Encoder, FixedEncoder, encoder_mistake
from nearfar.encoders.cnn import CNN
from nearfar.encoders.descriptors import Descriptors
from nearfar.encoders.emnist_cnn import EmnistCNN
from nearfar.encoders.gin import GIN
from nearfar.encoders.identity import Identity
from nearfar.encoders.mlp import MLP
from nearfar.encoders.morgan import Morgan
from nearfar.encoders.mpnn import MPNN
from nearfar.encoders.pixels import Pixels
from nearfar.encoders.resnet import ResNet18
from nearfar.encoders.timm_models import Timm
from nearfar.errors import UserError, nearest
from nearfar.extensions import Registry

__all__ = ["ENCODERS", "Adapter", "Encoder", "FixedEncoder", "build_encoder"]

_BUILT_IN: dict[str, type[Encoder] | type[FixedEncoder]] = {
    "cnn": CNN,
    "descriptors": Descriptors,
    "emnist_cnn": EmnistCNN,
    "gin": GIN,
    "identity": Identity,
    "mlp": MLP,
    "morgan": Morgan,
    "mpnn": MPNN,
    "pixels": Pixels,
    "resnet18": ResNet18,
    "timm": Timm,
}
ENCODERS = Registry("encoder", "encoders", _BUILT_IN, encoder_mistake)


def build_encoder(name: str, options: Mapping[str, Any], inputs: Inputs) -> Encoder | FixedEncoder:
    """Make an encoder for these inputs, with fresh weights from torch's random generator.

    Args:
        name: a key of ``ENCODERS``.
        options: keyword arguments of its constructor, as the study schema checked them.
        inputs: rows to read sizes from.

    Raises:
        UserError: no such encoder, or inputs of a kind that it does not take.
    """
    if name not in ENCODERS:
        raise UserError(f"no encoder is called {name!r}; {nearest(name, ENCODERS.names())}")
    kind: type[Any] = ENCODERS[name]
    if inputs.kind not in kind.accepts:
        fit = [other for other, it in ENCODERS.items() if inputs.kind in it.accepts]
        raise UserError(
            f"encoder {name} takes {' or '.join(sorted(kind.accepts))} inputs, not"
            f" {inputs.kind}; for {inputs.kind} there are: {', '.join(fit) or 'none'}"
        )
    encoder: Encoder | FixedEncoder = kind(inputs, **options)
    return encoder
