"""Named choices in a study file: ``gin`` or ``gin: {layers: 3}``, checked from constructors.

The options of an encoder, head or objective are the keyword-only parameters of its constructor, so
registering a class is all it takes to make it, and its options, known to the schema.
"""

import functools
import inspect
import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, get_args, get_type_hints

from pydantic import (
    BeforeValidator,
    ConfigDict,
    ModelWrapValidatorHandler,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    ValidationError,
    create_model,
    model_serializer,
    model_validator,
)

from nearfar.errors import nearest, plainly, shown
from nearfar.extensions import Registry, option_name
from nearfar.study.overlay import by_name
from nearfar.train.recipe import Options


class AnyOptions(Options):
    """Options of a part that has them checked by another library, whatever they are called."""

    model_config = ConfigDict(extra="allow")


def options_of(kind: type[Any]) -> type[Options]:
    """Return the model of a class's options: its constructor's keyword-only parameters."""
    if getattr(kind, "any_option", False):
        return create_model(kind.__name__, __base__=AnyOptions)
    hints = get_type_hints(kind.__init__, include_extras=True)
    fields: dict[str, Any] = {
        option_name(name): (hints[name], parameter.default)
        for name, parameter in inspect.signature(kind).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name not in getattr(kind, "settled", ())
    }
    return create_model(kind.__name__, __base__=Options, **fields)


class NamedChoice(Options):
    """Exactly one of several names, with its options."""

    registry: ClassVar[Registry[Any] | None] = None
    list_name: ClassVar[str] = ""
    """The name that a list of choices stands for, with these as its ``parts``; none if empty."""

    @model_validator(mode="wrap")
    @classmethod
    def _from_name(cls, given: Any, handler: ModelWrapValidatorHandler[Any]) -> Any:
        if isinstance(given, str):
            given = {given: {}}
        if cls.list_name and isinstance(given, list | tuple):
            given = {cls.list_name: {"parts": list(given)}}
        if not isinstance(given, Mapping):
            raise ValueError(f"needs a name or a name with options, not {shown(given)}")
        if len(given) != 1:
            raise ValueError(f"needs exactly one name, not {sorted(map(str, given)) or 'none'}")
        ((name, options),) = given.items()
        if name and name == cls.list_name:
            options = {"parts": cls._parts(options)}
        named = {name: {} if options is None else options}
        kind = cls.kind(str(name))
        return handler(named) if kind is cls else kind.model_validate(named)

    @classmethod
    def _parts(cls, given: Any) -> list[Any]:
        """Return the choices that are joined, as plain values with all their options.

        Raises:
            ValueError: fewer than two, one that is wrong, or itself joined.
        """
        parts = given.get("parts") if isinstance(given, Mapping) else None
        if not isinstance(parts, list) or len(parts) < 2:
            raise ValueError(f"a list joins two or more, such as [a, b]; given: {parts!r}")
        chosen: list[NamedChoice] = []
        for place, part in enumerate(parts, 1):
            try:
                chosen.append(cls.model_validate(part))
            except ValidationError as error:
                raise ValueError(f"part {place}: {_first_mistake(error, cls)}") from None
        if any(choice.name == cls.list_name for choice in chosen):
            raise ValueError("the parts of a list are no lists themselves")
        plain = [choice.model_dump(mode="json") for choice in chosen]
        if len({json.dumps(part, sort_keys=True) for part in plain}) < len(plain):
            raise ValueError("names the same encoder with the same options twice")
        return plain

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


def _first_mistake(error: ValidationError, model: type[NamedChoice]) -> str:
    first = error.errors()[0]
    where = [str(part) for part in first["loc"]]
    if first["type"] != "extra_forbidden":
        said = plainly(first)
        return f"{'.'.join(where)}: {said}" if where else said
    if len(where) < 2:
        return f"unknown name {where[-1]!r}; {nearest(where[-1], model.names())}"
    options = getattr(model.kind(where[0]).model_fields[where[0]], "annotation", None)
    kinds = [kind for kind in get_args(options) if hasattr(kind, "model_fields")]
    allowed = nearest(where[-1], kinds[0].model_fields if kinds else ())
    return f"{where[0]}: unknown key {where[-1]!r}; {allowed}"


class Several(Options):
    """Any of several names, each once, with their options: a name, a list, or name → options."""

    @model_validator(mode="before")
    @classmethod
    def _from_names(cls, given: Any) -> Any:
        named = by_name(given)
        if not isinstance(named, Mapping):
            raise ValueError(f"needs names, each once, or names with options, not {shown(given)}")
        return {name: {} if options is None else options for name, options in named.items()}


def encoder_names(choice: NamedChoice) -> list[str]:
    """Return the name of an encoder, or the names of those that are joined."""
    if choice.name != choice.list_name:
        return [choice.name]
    parts: list[dict[str, Any]] = choice.options.parts  # type: ignore[attr-defined]
    return [name for part in parts for name in part]


def embedding_files(choice: NamedChoice | None) -> list[dict[str, Any]]:
    """Return the options of the files of embeddings that an encoder, or a part of it, reads."""
    if choice is None:
        return []
    plain = choice.model_dump(mode="json")
    parts = plain[choice.name]["parts"] if choice.name == choice.list_name else [plain]
    return [dict(options) for part in parts for name, options in part.items() if name == "file"]


def weight_files(choice: NamedChoice | None) -> list[str]:
    """Return the files of weights that an encoder, a part of it, or a head starts from."""
    if choice is None or choice.registry is None:
        return []
    plain = choice.model_dump(mode="json")
    parts = plain[choice.name]["parts"] if choice.name == choice.list_name else [plain]
    return [
        options[key]
        for part in parts
        for name, options in part.items()
        for key in getattr(choice.registry[name], "weight_files", ())
        if options.get(key) is not None and choice.registry[name].names_file(options[key])
    ]


def several_among(title: str, kinds: Mapping[str, type[Any]]) -> type[Several]:
    """Return the model of any of several registered classes."""
    return create_model(title, __base__=Several, **_fields(kinds))


def _fields(kinds: Mapping[str, type[Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, kind in kinds.items():
        model = kind if issubclass(kind, Options) else options_of(kind)
        fields[name] = (model | None, None)
    return fields


def choice_among(
    title: str, kinds: Mapping[str, type[Any]], *, list_name: str = ""
) -> type[NamedChoice]:
    """Return the model of a choice among registered classes (or ready option models).

    ``list_name`` is the name that a list of choices stands for, if there may be one.
    """
    if not isinstance(kinds, Registry):
        return create_model(title, __base__=NamedChoice, **_fields(kinds))
    model = create_model(title, __base__=NamedChoice, **_fields(kinds.built_in))
    model.registry, model.list_name = kinds, list_name
    return model


@functools.cache
def _with_plug_in(model: type[NamedChoice], name: str, kind: type[Any]) -> type[NamedChoice]:
    return create_model(model.__name__, __base__=model, **_fields({name: kind}))


def choices_among(title: str, kinds: Mapping[str, type[Any]]) -> Any:
    """Return the type of a list of choices; one alone may stand without the list."""
    return Annotated[list[choice_among(title, kinds)], BeforeValidator(_as_list)]  # type: ignore[misc]


def _as_list(given: Any) -> Any:
    return [given] if isinstance(given, str | Mapping | NamedChoice) else given
