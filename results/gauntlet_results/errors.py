# SPDX-License-Identifier: Apache-2.0
"""Errors that end a verb: an exit status of `gauntlet` and one line that says what, where and what to do."""

OK, BAD, USAGE, INCONCLUSIVE, VOID, BROKEN = 0, 1, 2, 3, 4, 5

# When several apply; usage comes before anything ran and wins.
_RANK = {OK: 0, INCONCLUSIVE: 1, BAD: 2, VOID: 3, BROKEN: 4, USAGE: 5}


class ResultsError(Exception):
    """Raised by any module; __main__ prints `gauntlet VERB: message` and exits with the status."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status
        self.message = message


def worse(a: int, b: int) -> int:
    """The exit status to give when both apply."""
    return a if _RANK.get(a, 4) >= _RANK.get(b, 4) else b


def usage(message: str) -> ResultsError:
    return ResultsError(USAGE, message)


def broken(message: str) -> ResultsError:
    return ResultsError(BROKEN, message)
