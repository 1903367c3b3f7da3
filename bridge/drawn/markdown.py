"""A small and careful Markdown renderer for GitHub issues: what alert issues use, and nothing that could be harmful.

Headings, bold, italic, strike, code, links, lists, quotes, tables, fences, `<details>`, `<br>`, hidden HTML comments.
All other HTML is shown as text. Single line breaks count, as in GitHub's issues and comments.
"""

from __future__ import annotations

import html
import re
from urllib.parse import urlsplit

FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})([^\n`]*)\n(.*?)(?:^ {0,3}\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
FOLD = re.compile(r"(<details(?: open)?>|</details>|<summary>.{0,1000}?</summary>)", re.DOTALL | re.IGNORECASE)
HEADING = re.compile(r"(#{1,6})[ \t]+(.*)")
BULLET = re.compile(r"\s{0,3}(?:[-*+]|(\d{1,9})[.)])[ \t]+(.*)")
RULE = re.compile(r"\s{0,3}([-*_])(?:\s*\1){2,}\s*$")
TABLE_RULE = re.compile(r"\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$")
INLINE = re.compile(
    r"\\(?P<escaped>[!-/:-@\[-`{-~])"
    r"|(?<!`)(?P<ticks>`{1,3})(?!`)(?P<code>.{1,2000}?)(?<!`)(?P=ticks)(?!`)"
    r"|!?\[(?P<label>(?:[^\[\]\\]|\\.){0,1000})\]\((?P<target>[^\s()]{0,3000}(?:\([^\s()]{0,300}\)[^\s()]{0,300}){0,3})(?:\s\"[^\"\n]{0,300}\")?\)"
    r"|<(?P<auto>https?://[^\s<>]+)>"
    r"|(?P<br><br\s*/?>)"
    r"|\*\*(?=\S)(?P<strong>.{1,1000}?)(?<=\S)\*\*"
    r"|__(?=\S)(?P<strong2>.{1,1000}?)(?<=\S)__"
    r"|~~(?=\S)(?P<strike>.{1,1000}?)(?<=\S)~~"
    r"|(?<![*\w])\*(?=[^\s*])(?P<em>[^*\n]{0,1000}[^\s*])\*(?!\*)"
    r"|(?<![_\w])_(?=[^\s_])(?P<em2>[^_\n]{0,1000}[^\s_])_(?!\w)"
    r"|(?P<url>\bhttps?://[^\s<>()\[\]`]+)"
    r"|(?<![\w/@.-])(?P<mention>@[A-Za-z0-9][A-Za-z0-9-]*(?:/[\w.-]+)?)"
    r"|(?<![\w/&])(?P<reference>#\d{1,9}\b|(?<![\w./-])[\w.-]{1,100}/[\w.-]{1,100}#\d{1,9}\b)"
)
TAGS = {"strong": "strong", "strong2": "strong", "em": "em", "em2": "em", "strike": "del"}
DEEPEST = 8
"""How deep markup may nest; what is deeper is shown as text."""


def render(text: str) -> str:
    """A Markdown text as HTML."""
    text = text.replace("\r\n", "\n").replace("\t", "    ")
    made, end = _Folding(), 0
    for fence in _fences(text):
        made.add(text[end : fence.start()])
        made.parts.append(f"<pre><code>{html.escape(fence[3])}</code></pre>")
        end = fence.end()
    made.add(text[end:])
    return made.close()


def _fences(text: str) -> list[re.Match[str]]:
    """The fenced blocks that don't begin inside an HTML comment."""
    hidden = [match.span() for match in COMMENT.finditer(text)]
    return [f for f in FENCE.finditer(text) if not any(a <= f.start() < b for a, b in hidden)]


class _Folding:
    """Puts rendered parts together and keeps `<details>` balanced."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._open = 0

    def add(self, text: str) -> None:
        for part in FOLD.split(COMMENT.sub("", text)):
            word = part[:9].lower()
            if word.startswith("<details"):
                self._open += 1
                self.parts.append("<details>")
            elif word == "</details" and self._open:
                self._open -= 1
                self.parts.append("</details>")
            elif word == "<summary>" and self._open:
                self.parts.append(f"<summary>{inline(part[9:-10].strip())}</summary>")
            else:
                self.parts.append(_blocks(part.split("\n")))

    def close(self) -> str:
        return "".join(self.parts) + "</details>" * self._open


def _blocks(lines: list[str]) -> str:
    """Paragraphs, headings, lists, quotes, tables and rules of lines without fences or folds."""
    made, at = [], 0
    while at < len(lines):
        line = lines[at]
        heading = HEADING.match(line)
        if not line.strip():
            at += 1
        elif heading:
            made.append(f"<h{len(heading[1])}>{inline(heading[2].rstrip(' #'))}</h{len(heading[1])}>")
            at += 1
        elif RULE.match(line):
            made.append("<hr>")
            at += 1
        elif "|" in line and at + 1 < len(lines) and "|" in lines[at + 1] and TABLE_RULE.match(lines[at + 1]):
            end = _while(lines, at + 2, lambda text: "|" in text)
            made.append(_table(lines[at], lines[at + 2 : end]))
            at = end
        elif BULLET.match(line):
            end = _while(lines, at, lambda text: bool(BULLET.match(text)) or text.startswith("  "))
            made.append(_list(lines[at:end]))
            at = end
        elif line.startswith(">"):
            end = _while(lines, at, lambda text: text.startswith(">"))
            inner = [text[1:].removeprefix(" ").lstrip(">") for text in lines[at:end]]
            made.append(f"<blockquote>{_blocks(inner)}</blockquote>")
            at = end
        else:
            end = _while(lines, at + 1, lambda text: not _begins_block(text))
            made.append(f"<p>{inline(chr(10).join(text.strip() for text in lines[at:end]))}</p>")
            at = end
    return "".join(made)


def _while(lines: list[str], at: int, holds: object) -> int:
    assert callable(holds)
    while at < len(lines) and lines[at].strip() and holds(lines[at]):
        at += 1
    return at


def _begins_block(line: str) -> bool:
    return bool(HEADING.match(line) or BULLET.match(line) or RULE.match(line)) or line.startswith(">")


def _list(lines: list[str]) -> str:
    first = BULLET.match(lines[0])
    tag = "ol" if first and first[1] else "ul"
    entries: list[str] = []
    for line in lines:
        bullet = BULLET.match(line)
        if bullet:
            entries.append(bullet[2])
        else:
            entries[-1] += "\n" + line.strip()
    return f"<{tag}>{''.join(f'<li>{inline(entry)}</li>' for entry in entries)}</{tag}>"


def _table(head: str, rows: list[str]) -> str:
    names = _cells(head)
    made = [f"<tr>{''.join(f'<th>{inline(cell)}</th>' for cell in names)}</tr>"] if any(names) else []
    for row in rows:
        cells = (_cells(row) + [""] * len(names))[: len(names)]
        made.append(f"<tr>{''.join(f'<td>{inline(cell)}</td>' for cell in cells)}</tr>")
    return f"<table>{''.join(made)}</table>"


def _cells(row: str) -> list[str]:
    row = row.strip().removeprefix("|")
    row = row[:-1] if row.endswith("|") and not row.endswith("\\|") else row
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row)]


def inline(text: str, depth: int = 0) -> str:
    """The markup inside a line or paragraph."""
    if depth > DEEPEST:
        return _words(text)
    made, end = [], 0
    for match in INLINE.finditer(text):
        made += [_words(text[end : match.start()]), _piece(match, depth)]
        end = match.end()
    return "".join([*made, _words(text[end:])])


def _words(text: str) -> str:
    return html.escape(html.unescape(text)).replace("\n", "<br>")


def _piece(match: re.Match[str], depth: int) -> str:
    found = {name: value for name, value in match.groupdict().items() if value is not None}
    if "target" in found:
        return link(html.unescape(found["target"]), inline(found["label"], depth + 1))
    if "code" in found:
        return f"<code>{html.escape(found['code'].strip())}</code>"
    ((name, inner),) = found.items()
    if name in TAGS:
        return f"<{TAGS[name]}>{inline(inner, depth + 1)}</{TAGS[name]}>"
    if name in {"auto", "url"}:
        return link(html.unescape(inner), _words(inner))
    made = {"br": "<br>", "escaped": html.escape(inner)}
    return made.get(name, f'<span class="mention">{html.escape(inner)}</span>')


def link(url: str, label: str) -> str:
    """A link, or only its label where the address is nothing a browser should open."""
    try:
        scheme = urlsplit(url).scheme.lower()
    except ValueError:
        return label
    if scheme not in {"http", "https", "mailto"}:
        return label
    return f'<a href="{html.escape(url)}" target="_blank" rel="noopener noreferrer">{label}</a>'
