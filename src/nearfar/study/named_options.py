"""Named choices in a study file: ``gin`` or ``gin: {layers: 3}``, checked from constructors.

The options of an encoder, head or objective are the keyword-only parameters of its constructor, so
registering a class is all it takes to make it, and its options, known to the schema.
"""

import functools
import inspect
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, get_type_hints

from pydantic import (
    BeforeValidator,
    ModelWrapValidatorHandler,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    create_model,
    model_serializer,
    model_validator,
)

from nearfar.errors import shown
from nearfar.extensions import Registry
from nearfar.study.overlay import by_name
from nearfar.train.recipe import Options


def options_of(kind: type[Any]) -> type[Options]:
    """Return the model of a class's options: its constructor's keyword-only parameters."""
    hints = get_type_hints(kind.__init__, include_extras=True)
    fields: dict[str, Any] = {
        name: (hints[name], parameter.default)
        for name, parameter in inspect.signature(kind).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    return create_model(kind.__name__, __base__=Options, **fields)


class NamedChoice(Options):
    """Exactly one of several names, with its options."""

    registry: ClassVar[Registry[Any] | None] = None

    @model_validator(mode="wrap")
    @classmethod
    def _from_name(cls, given: Any, handler: ModelWrapValidatorHandler[Any]) -> Any:
        if isinstance(given, str):
            given = {given: {}}
        if not isinstance(given, Mapping):
            raise ValueError(f"needs a name or a name with options, not {shown(given)}")
        if len(given) != 1:
            raise ValueError(f"needs exactly one name, not {sorted(map(str, given)) or 'none'}")
        ((name, options),) = given.items()
        named = {name: {} if options is None else options}
        kind = cls.kind(str(name))
        return handler(named) if kind is cls else kind.model_validate(named)

    @model_serializer(mode="wrap")
    def _without_absent(  # type: ignore[override]
        self, dump: SerializerFunctionWrapHandler, info: SerializationInfo
    ) -> dict[str, Any]:
        return {self.name: self.options.model_dump(mode=info.mode)}

    @classmethod
    def kind(cls, name: str) -> type["NamedChoice"]:
        """Return this model, or where a plug-in has the name, one that knows the plug-in too."""
        if name in cls.model_fields or cls.registry is None or name not in cls.registry:
            return cls
        return _with_plug_in(cls, name, cls.registry[name])

    @classmethod
    def names(cls) -> list[str]:
        """Return all names, those of plug-ins too."""
        return list(cls.model_fields) if cls.registry is None else cls.registry.names()

    @property
    def name(self) -> str:
        """The chosen name."""
        return next(name for name, options in self if options is not None)

    @property
    def options(self) -> Options:
        """The chosen name's options, defaults filled in."""
        chosen: Options = getattr(self, self.name)
        return chosen


class Several(Options):
    """Any of several names, each once, with their options: a name, a list, or name → options."""

    @model_validator(mode="before")
    @classmethod
    def _from_names(cls, given: Any) -> Any:
        named = by_name(given)
        if not isinstance(named, Mapping):
            raise ValueError(f"needs names, each once, or names with options, not {shown(given)}")
        return {name: {} if options is None else options for name, options in named.items()}


def several_among(title: str, kinds: Mapping[str, type[Any]]) -> type[Several]:
    """Return the model of any of several registered classes."""
    return create_model(title, __base__=Several, **_fields(kinds))


def _fields(kinds: Mapping[str, type[Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, kind in kinds.items():
        model = kind if issubclass(kind, Options) else options_of(kind)
        fields[name] = (model | None, None)
    return fields


def choice_among(title: str, kinds: Mapping[str, type[Any]]) -> type[NamedChoice]:
    """Return the model of a choice among registered classes (or ready option models)."""
    if not isinstance(kinds, Registry):
        return create_model(title, __base__=NamedChoice, **_fields(kinds))
    model = create_model(title, __base__=NamedChoice, **_fields(kinds.built_in))
    model.registry = kinds
    return model


@functools.cache
def _with_plug_in(model: type[NamedChoice], name: str, kind: type[Any]) -> type[NamedChoice]:
    return create_model(model.__name__, __base__=model, **_fields({name: kind}))


def choices_among(title: str, kinds: Mapping[str, type[Any]]) -> Any:
    """Return the type of a list of choices; one alone may stand without the list."""
    return Annotated[list[choice_among(title, kinds)], BeforeValidator(_as_list)]  # type: ignore[misc]


def _as_list(given: Any) -> Any:
    return [given] if isinstance(given, str | Mapping | NamedChoice) else given
