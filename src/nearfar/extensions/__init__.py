"""Parts of a user's own: encoders, heads, objectives, metrics and sources from other packages.

They come from installed packages, by entry points, or from modules that a study names.
"""

from nearfar.extensions.modules import use_modules
from nearfar.extensions.registry import FOREIGN_ERRORS, Origin, Part, Registry, changed_modules
from nearfar.extensions.signatures import arguments, missing, option_name, signature_mistake

__all__ = [
    "FOREIGN_ERRORS",
    "Origin",
    "Part",
    "Registry",
    "arguments",
    "changed_modules",
    "missing",
    "option_name",
    "signature_mistake",
    "use_modules",
]
