"""Encoders: a batch of inputs → features. ``ENCODERS`` names all that a study file may ask for."""

from collections.abc import Mapping
from typing import Any

from nearfar.data import Inputs
from nearfar.encoders.adapter import Adapter
from nearfar.encoders.base import Encoder, FixedEncoder, encoder_mistake
from nearfar.errors import UserError, nearest
from nearfar.extensions import Registry
from nearfar.references import References

__all__ = ["ENCODERS", "Adapter", "Encoder", "FixedEncoder", "build_encoder"]

BUILT_IN = References[type[Encoder] | type[FixedEncoder]](
    {
        "cnn": "nearfar.encoders.cnn:CNN",
        "descriptors": "nearfar.encoders.descriptors:Descriptors",
        "emnist_cnn": "nearfar.encoders.emnist_cnn:EmnistCNN",
        "fast_cnn": "nearfar.encoders.fast_cnn:FastCNN",
        "file": "nearfar.encoders.file_features:FileFeatures",
        "gin": "nearfar.encoders.gin:GIN",
        "hf": "nearfar.encoders.hf_models:HF",
        "joined": "nearfar.encoders.joined:SideBySide",
        "identity": "nearfar.encoders.identity:Identity",
        "minimol": "nearfar.encoders.minimol:MiniMol",
        "mlp": "nearfar.encoders.mlp:MLP",
        "mlp_on": "nearfar.encoders.mlp_on:MLPOn",
        "morgan": "nearfar.encoders.morgan:Morgan",
        "mpnn": "nearfar.encoders.mpnn:MPNN",
        "pixels": "nearfar.encoders.pixels:Pixels",
        "resnet18": "nearfar.encoders.resnet:ResNet18",
        "skfp": "nearfar.encoders.skfp_sets:SkfpSet",
        "timm": "nearfar.encoders.timm_models:Timm",
    }
)
ENCODERS = Registry("encoder", "encoders", BUILT_IN, encoder_mistake)


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
