"""Lines of Rust files above 100 columns, which rustfmt leaves in comments and in macros. Run as a
step of the gate.

A line may be longer where a break would change it: in a string, in a picture or an example between
fences of a comment, and in the row of a table of a comment.
"""

import pathlib
import re
import sys

import cache

ROOT = pathlib.Path(__file__).resolve().parents[2]
COLUMNS_MAX = 100
# Comments and characters come first: a quotation mark in one of them begins no string.
TOKEN = re.compile(
    r"//[^\n]*|/\*.*?\*/|b?'(?:\\.[^'\n]*|[^'\\\n])'"
    r'|(?P<string>b?r(?P<hashes>#*)".*?"(?P=hashes)|b?"(?:\\.|[^"\\])*")',
    re.DOTALL,
)
COMMENT = re.compile(r"\s*//[/!]? ?(.*)")


def too_long(text):
    """Numbers of the lines that must be broken, from 1."""
    lines = text.split("\n")
    if all(len(line) <= COLUMNS_MAX for line in lines):
        return []
    kept = lines_of_strings(text) | lines_of_figures(lines)
    return [n for n, line in enumerate(lines, 1) if len(line) > COLUMNS_MAX and n not in kept]


def lines_of_strings(text):
    kept = set()
    for token in TOKEN.finditer(text):
        if token["string"]:
            first = text.count("\n", 0, token.start()) + 1
            kept.update(range(first, first + token[0].count("\n") + 1))
    return kept


def lines_of_figures(lines):
    kept, fenced = set(), False
    for n, line in enumerate(lines, 1):
        comment = COMMENT.fullmatch(line)
        words = comment[1] if comment else ""
        is_fence = words.startswith("```")
        fenced = comment is not None and fenced != is_fence
        if fenced or words.startswith("|"):
            kept.add(n)
    return kept


def main():
    failed = False
    for name in cache.files(ROOT, "*.rs"):
        for n in too_long((ROOT / name).read_text()):
            print(f"{name}:{n}: more than {COLUMNS_MAX} columns")
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
