"""One seed's model among the members of a finished model."""

from dataclasses import dataclass

from nearfar.stages.fitted import Fitted


@dataclass(frozen=True)
class Member:
    """The model of one seed; ``stage`` is the hash of the fit that it comes from."""

    seed: int
    stage: str
    fitted: Fitted
