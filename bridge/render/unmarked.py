"""What authors write as Markdown or as Slack's mrkdwn, as plain words: people see headings and links, not their signs.

Only what is plainly markup is taken away; code keeps its backticks, tables and lists stay as they are.
"""

from __future__ import annotations

import re
from typing import Final

_LINK: Final = re.compile(
    r"\[(?P<label>[^\[\]\n]{1,200})\]\((?P<target>https?://[^()\s]{1,2000})\)"
    r"|<(?P<url>https?://[^<>|\s]{1,2000})(?:\|(?P<text>[^<>|\n]{1,200}))?>"
)
_CODE = re.compile(r"(`[^`\n]{1,1000}`)")
_STRONG = re.compile(r"(?<![\w*])(\*{1,3})(?=[^\W_])([^*\n]{1,1000}?)(?<=[^\s*])\1(?![\w*])")
_HEADING = re.compile(r"^ {0,3}#{1,6} +(?=\S)", re.MULTILINE)
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)[\w-]{0,20}\s*?(?:\n|\Z)", re.MULTILINE)
_GAP = re.compile(r"\n{3,}")
_MARK = re.compile(r"[#`~*\[<\n]")
"""Whatever any of these begins with: a text of one line without them is as it is."""


def unmarked(text: str) -> str:
    """Return a text without the marks of headings, emphasis, fences and links; takes time linear in its length."""
    if not _MARK.search(text):
        return text.rstrip()
    text = _HEADING.sub("", _FENCE.sub("", text))
    pieces = _CODE.split(text)
    pieces[::2] = [_STRONG.sub(r"\2", _LINK.sub(_link, piece)) for piece in pieces[::2]]
    return _GAP.sub("\n\n", "\n".join(line.rstrip() for line in "".join(pieces).split("\n")))


def _link(found: re.Match[str]) -> str:
    label, url = found["label"] or found["text"] or "", found["target"] or found["url"]
    return f"{label} ({url})" if label and label != url else url
