"""The parameters of K modules of one shape, side by side in one tensor."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nearfar.stacking.layers import Leaf


class StackedParameters:
    """``values`` (K, p) holds what is trained, and the modules' parameters become views of it.

    They keep the order in memory that they have (channels last, say).
    """

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        self._named = [dict(module.named_parameters()) for module in modules]
        first = self._named[0]
        self._name = {id(parameter): name for name, parameter in first.items()}
        trained = [name for name, parameter in first.items() if parameter.requires_grad]
        self.values = torch.stack(
            [torch.cat([_in_memory(own[name].detach()) for name in trained]) for own in self._named]
        )
        self.gradients = torch.zeros_like(self.values)
        self._places: dict[str, int] = {}
        place = 0
        for name in trained:
            self._places[name] = place
            place += first[name].numel()
        for name in trained:
            for own, value in zip(self._named, self._stacked(self.values, name), strict=True):
                own[name].data = value

    def _stacked(self, numbers: Tensor, name: str) -> Tensor:
        """Return the part of ``numbers`` (K, p) that is the parameter ``name``, (K, …)."""
        like = self._named[0][name]
        strides = (numbers.shape[1], *like.stride())
        return numbers.as_strided((len(numbers), *like.shape), strides, self._places[name])

    def leaf(self, parameter: Tensor) -> Leaf:
        """Return a parameter of the first module with those that the others have there."""
        name = self._name[id(parameter)]
        if name not in self._places:
            return Leaf(torch.stack([own[name].detach() for own in self._named]), None)
        return Leaf(self._stacked(self.values, name), self._stacked(self.gradients, name))

    def factors(self, groups: Sequence[tuple[Sequence[nn.Parameter], float]]) -> Tensor:
        """Return what ``groups`` of the first module say of every trained number, (p,)."""
        factor = {id(p): value for members, value in groups for p in members}
        parts = [self._named[0][name] for name in self._places]
        return torch.cat([self.values.new_full((p.numel(),), factor[id(p)]) for p in parts])

    def release(self) -> None:
        """Give every module back parameters of its own, with the values that they have."""
        for own in self._named:
            for name in self._places:
                own[name].data = own[name].detach().clone()


def _in_memory(values: Tensor) -> Tensor:
    """Return the numbers of a dense tensor in the order of memory."""
    return values.as_strided((values.numel(),), (1,))
