"""What is told of mistakes: a line for each, whatever came into it from somebody's data."""

import pickle

from nearfar.errors import UserError


def test_what_came_from_data_stays_on_its_line() -> None:
    error = UserError("d.npz: array 'a\n\x1b[31mb\u202e' is odd", "größer: 1\\n")
    assert str(error).split("\n") == [
        "d.npz: array 'a\\n\\x1b[31mb\\u202e' is odd",
        "größer: 1\\n",
    ]
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert str(UserError(str(UserError("a\nb")))) == "a\\nb"
