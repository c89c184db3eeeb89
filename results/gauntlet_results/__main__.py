# SPDX-License-Identifier: Apache-2.0
"""python3 -m gauntlet_results VERB ARGUMENT...: finds the verb's module and maps errors to exit statuses.

A verb's module has main(argv: list[str]) -> int.
"""

import importlib
import os
import signal
import sys

from .errors import BROKEN, USAGE, ResultsError

VERBS = ("collect", "export", "compare", "gate", "noise", "report")


def _say(verb: str, message: str) -> None:
    print(f"gauntlet {verb}: {message}", file=sys.stderr)


def _main_of(verb: str):
    name = f"{__package__}.{verb}"
    try:
        return importlib.import_module(name).main
    except ModuleNotFoundError as e:
        if e.name == name:
            raise ResultsError(BROKEN, "this build does not have it: its module is not installed") from None
        raise ResultsError(4, f"Python's {e.name} is missing: scripts/setup installs what is needed") from None


def _run(verb: str, argv: list[str]) -> int:
    try:
        status = _main_of(verb)(argv)
        sys.stdout.flush()
        return status or 0
    except ResultsError as e:
        _say(verb, e.message)
        return e.status
    except BrokenPipeError:  # who reads us has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN
    except KeyboardInterrupt:
        _say(verb, "interrupted: nothing half-done is kept")
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        return BROKEN
    except OSError as e:
        _say(verb, f"{e.filename or 'output'}: {e.strerror or e}")
        return BROKEN


def main(argv: list[str]) -> int:
    if not argv or argv[0] not in VERBS:
        given = f"'{argv[0]}' is no verb" if argv else "no verb"
        print(f"gauntlet: {given}: use {', '.join(VERBS)}", file=sys.stderr)
        return USAGE
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return _run(argv[0], argv[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
