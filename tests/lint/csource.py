# SPDX-License-Identifier: Apache-2.0
"""C text without comments and literals, with every line and column where it was."""

import re

_TOKEN = re.compile(
    r"""//(?:[^\n\\]|\\.)*|/\*.*?\*/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'""",
    re.DOTALL | re.VERBOSE,
)


def _blank(text):
    return re.sub(r"[^\n]", " ", text)


def strip(text, keep_strings=False):
    """Comments become blanks; so do strings and characters unless keep_strings."""

    def replace(match):
        token = match.group(0)
        if token[0] == "/":
            return _blank(token)
        return token if keep_strings else token[0] + _blank(token[1:-1]) + token[-1]

    return _TOKEN.sub(replace, text)
