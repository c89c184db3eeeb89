# SPDX-License-Identifier: Apache-2.0
"""python3 -m gauntlet_results VERB ARGUMENT...: finds the verb's module and maps errors to exit statuses.

A verb's module has main(argv: list[str]) -> int.
"""

import contextlib
import importlib
import io
import os
import signal
import sys
import traceback

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


def _drop_output() -> None:
    """What is still buffered goes nowhere, so that the interpreter's end does not try again."""
    with contextlib.suppress(OSError):  # a caller's own stream has no descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _finish_output() -> None:
    """What was printed before the error is seen, unless the error is that it cannot be."""
    try:
        sys.stdout.flush()
    except OSError:
        _drop_output()


def _run(verb: str, argv: list[str]) -> int:
    try:
        status = _main_of(verb)(argv)
        sys.stdout.flush()
        return status or 0
    except ResultsError as e:
        _say(verb, e.message)
        return e.status
    except BrokenPipeError:  # who reads us has seen enough
        _drop_output()
        return BROKEN
    except KeyboardInterrupt:
        _say(verb, "interrupted: nothing half-done is kept")
        return BROKEN
    except OSError as e:
        _finish_output()
        _say(verb, f"{e.filename or 'standard output'}: {e.strerror or e}")
        return BROKEN
    except Exception as e:  # a mistake of ours must not look like a verdict, which exit status 1 would
        traceback.print_exc()
        _say(verb, f"{type(e).__name__}, a mistake in this program: please report the lines above")
        return BROKEN


def main(argv: list[str]) -> int:
    if not argv or argv[0] not in VERBS:
        given = f"'{argv[0]}' is no verb" if argv else "no verb"
        print(f"gauntlet: {given}: use {', '.join(VERBS)}", file=sys.stderr)
        return USAGE
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):  # names of files may be no UTF-8
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    return _run(argv[0], argv[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
