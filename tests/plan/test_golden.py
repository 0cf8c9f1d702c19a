"""Every stage of every shipped study keeps its specification and its hash."""

import json

import golden


def test_every_stage_is_as_it_was_written_down() -> None:
    """A user's finished stages are found by hash: none may change without a reason."""
    before = golden.read()
    now = [json.loads(json.dumps(stage)) for stage in golden.stages()]
    places = [(stage["study"], stage["name"], stage["hash"]) for stage in now]
    known = [(stage["study"], stage["name"], stage["hash"]) for stage in before]
    differ = sorted(set(places) ^ set(known))
    assert not differ, f"{len(differ)} stages are new or gone, such as {differ[:4]}"
    assert places == known, "the order of the stages is another"
    assert now == before
