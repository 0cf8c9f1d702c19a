"""What beside a study and its data determines numbers: device, precision, versions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

from nearfar.train.device import FULL, Precision
from nearfar.version import __version__


@dataclass(frozen=True)
class Environment:
    """What beside the study determines numbers."""

    torch: str
    device: str
    nearfar: str = __version__
    precision: Precision = FULL
    devices: int = 1
    """How many devices train one model together, each in a process of its own."""
    packages: tuple[tuple[str, str], ...] = ()
    """Names and versions of other packages whose code makes numbers."""

    def of_parts(self, parts: Iterable[Any]) -> Self:
        """Return the same with those packages alone that these heads and encoders name."""
        named = {name for part in parts for name in getattr(part, "packages", ())}
        return self._with(named)

    def with_those_of(self, other: Environment) -> Self:
        """Return the same with those packages alone that another one has."""
        return self._with(set(dict(other.packages)))

    def _with(self, names: Collection[str]) -> Self:
        return replace(self, packages=tuple(one for one in self.packages if one[0] in names))

    @property
    def alone(self) -> Self:
        """The same with one device, for what is not trained by batches."""
        return replace(self, devices=1)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Return the environment that stands in the specification of a stage."""
        known = {field.name: plain[field.name] for field in fields(cls) if field.name in plain}
        packages = tuple(sorted(plain.get("packages", {}).items()))
        return cls(**{**known, "packages": packages})

    def to_plain(self) -> dict[str, Any]:
        """Return what stands in specifications; full precision and one device are not named."""
        plain = {**asdict(self), "packages": dict(self.packages)}
        if not self.packages:
            del plain["packages"]
        if self.devices == 1:
            del plain["devices"]
        if self.precision == FULL:
            del plain["precision"]
        return plain
