"""Slack's mrkdwn and Block Kit as HTML, close to how Slack shows them.

Texts are hostile: every piece that is not known markup is escaped, and only http, https and mailto become links.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.drawn import markdown
from bridge.drawn.markdown import link

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

EMOJI = {
    "arrow_right": "➡️",
    "bell": "🔔",
    "fire": "🔥",
    "grey_question": "❔",
    "large_blue_circle": "🔵",
    "large_green_circle": "🟢",
    "large_orange_circle": "🟠",
    "large_yellow_circle": "🟡",
    "link": "🔗",
    "memo": "📝",
    "red_circle": "🔴",
    "rotating_light": "🚨",
    "double_vertical_bar": "⏸",
    "warning": "⚠️",
    "white_check_mark": "✅",
    "white_circle": "⚪",
    "x": "❌",
}
"""The names an alert message is likely to use; other names stay as they are written."""

INLINE = re.compile(
    r"`(?P<code>[^`\n]+)`"
    r"|<(?P<control>[^<>\n]+)>"
    r"|(?<![\w*])\*(?=[^\s*])(?P<bold>[^*\n]{0,2000}[^\s*])\*(?![\w*])"
    r"|(?<![\w_])_(?=[^\s_])(?P<italic>[^\n]{0,1000}?[^\s_])_(?![\w_])"
    r"|(?<![\w~])~(?=[^\s~])(?P<strike>[^~\n]{0,2000}[^\s~])~(?![\w~])"
    r"|(?P<url>\bhttps?://[^\s<>|]+)"
    r"|:(?P<emoji>[a-z0-9_+-]{1,40}):"
)
_EMOJI = re.compile(r":(?P<emoji>[a-z0-9_+-]{1,40}):")
FENCE = re.compile(r"```\n?(.*?)\n?```", re.DOTALL)
QUOTE = re.compile(r"^(?:&gt;|>)\s?", re.MULTILINE)


@dataclass(frozen=True)
class Names:
    """What ids in mentions stand for: users, channels and user groups, id → name."""

    users: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)


def unescape(text: str) -> str:
    """Undoes the only three escapes Slack knows."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def plain(text: str) -> str:
    """Text without markup."""
    return html.escape(unescape(text)).replace("\n", "<br>")


def mrkdwn(text: str, names: Names, *, verbatim: bool = False) -> str:
    """A mrkdwn text as HTML; a verbatim one has no links but those that are written as such."""
    made = []
    for index, part in enumerate(FENCE.split(text)):
        made.append(f"<pre>{html.escape(unescape(part))}</pre>" if index % 2 else _lines(part, names, verbatim))
    return "".join(made)


def _lines(text: str, names: Names, verbatim: bool) -> str:
    made: list[str] = []
    quoted = False
    for line in text.split("\n"):
        mark = QUOTE.match(line)
        if bool(mark) != quoted:
            made.append("<blockquote>" if mark else "</blockquote>")
            quoted = bool(mark)
        elif made:
            made.append("<br>")
        made.append(_inline(line[mark.end() :] if mark else line, names, verbatim))
    return "".join([*made, "</blockquote>" if quoted else ""])


def _inline(text: str, names: Names, verbatim: bool) -> str:
    made, end = [], 0
    for match in INLINE.finditer(text):
        made += [plain(text[end : match.start()]), _piece(match, names, verbatim)]
        end = match.end()
    return "".join([*made, plain(text[end:])])


def _piece(match: re.Match[str], names: Names, verbatim: bool) -> str:
    kind, inner = str(match.lastgroup), str(match[str(match.lastgroup)])
    tags = {"bold": "strong", "italic": "em", "strike": "s"}
    if kind == "code":
        return f"<code>{plain(inner)}</code>"
    if kind == "control":
        return _control(inner, names)
    if kind == "url":
        return plain(inner) if verbatim else link(unescape(inner), plain(inner))
    if kind == "emoji":
        return _emoji(match)
    return f"<{tags[kind]}>{_inline(inner, names, verbatim)}</{tags[kind]}>"


def _emoji(match: re.Match[str]) -> str:
    return EMOJI.get(match["emoji"], html.escape(match[0]))


def _control(inner: str, names: Names) -> str:
    """What stands between `<` and `>`: a mention, a date, or a link."""
    target, _, label = inner.partition("|")
    match target[:1], target[1:].partition("^"):
        case "!", ("subteam", _, group):
            return _pill(f"@{(label or names.groups.get(group, group)).removeprefix('@')}", loud=True)
        case "!", ("date", _, _):
            return plain(label)
        case "!", (word, _, _):
            return _pill(f"@{word}", loud=True)
        case "@", _:
            return _pill(f"@{label or names.users.get(target[1:], target[1:])}")
        case "#", _:
            return _pill(f"#{label or names.channels.get(target[1:], target[1:])}")
    return link(unescape(target), plain(label or target))


def _pill(text: str, *, loud: bool = False) -> str:
    """A mention; a loud one notifies more than one person."""
    return f'<span class="pill{" loud" if loud else ""}">{plain(text)}</span>'


def text_object(node: Mapping[str, Any], names: Names) -> str:
    """A Block Kit text object, in the direction of its first words."""
    text = str(node.get("text", ""))
    if node.get("type") == "mrkdwn":
        made = mrkdwn(text, names, verbatim=node.get("verbatim") is True)
    else:
        made = plain(text) if node.get("emoji") is False else _EMOJI.sub(_emoji, plain(text))
    return f'<span dir="auto">{made}</span>'


def blocks(found: list[dict[str, Any]], names: Names) -> str:
    """The blocks of a message."""
    return "".join(_block(block, names) for block in found)


def _block(block: Mapping[str, Any], names: Names) -> str:
    show = _BLOCKS.get(str(block.get("type")))
    return show(block, names) if show else f'<div class="bk-context">[{plain(str(block.get("type")))}]</div>'


def _header(block: Mapping[str, Any], names: Names) -> str:
    return f'<div class="bk-header">{text_object(block["text"], names)}</div>'


def _context(block: Mapping[str, Any], names: Names) -> str:
    inner = "".join(f"<span>{_element(element, names)}</span>" for element in block["elements"])
    return f'<div class="bk-context">{inner}</div>'


def _actions(block: Mapping[str, Any], names: Names) -> str:
    return f'<div class="bk-actions">{"".join(_element(element, names) for element in block["elements"])}</div>'


def _section(block: Mapping[str, Any], names: Names) -> str:
    made = [f'<div class="bk-text">{text_object(block["text"], names)}</div>'] if "text" in block else []
    if block.get("fields"):
        inner = "".join(f"<div>{text_object(one, names)}</div>" for one in block["fields"])
        made.append(f'<div class="bk-fields">{inner}</div>')
    if "accessory" in block:
        made.append(f'<div class="bk-accessory">{_element(block["accessory"], names)}</div>')
    return f'<div class="bk-section">{"".join(made)}</div>'


def _element(element: Mapping[str, Any], names: Names) -> str:
    """An element of a context, actions or section block; images are named, not fetched."""
    kind = element.get("type")
    if kind in {"plain_text", "mrkdwn"}:
        return text_object(element, names)
    if kind == "image":
        label = f'<span class="bk-image">🖼 {plain(str(element["alt_text"]))}</span>'
        return link(str(element.get("image_url", "")), label)
    label = text_object(element.get("text") or element.get("placeholder") or {"text": str(kind)}, names)
    style = " primary" if element.get("style") == "primary" else " danger" if element.get("style") == "danger" else ""
    button = f'<span class="bk-button{style}">{label}</span>'
    return link(str(element["url"]), button) if element.get("url") else button


def _rich(elements: list[dict[str, Any]]) -> str:
    """Rich text, reduced to its words, links and lists."""
    made = []
    for element in elements:
        kind, inner = element.get("type"), element.get("elements", [])
        if kind == "rich_text_list":
            made.append(f"<ul>{''.join(f'<li>{_rich([item])}</li>' for item in inner)}</ul>")
        elif kind in {"rich_text_section", "rich_text_quote", "rich_text_preformatted"}:
            tag = {"rich_text_section": "div", "rich_text_quote": "blockquote"}.get(kind, "pre")
            made.append(f"<{tag}>{_rich(inner)}</{tag}>")
        elif kind == "link":
            made.append(link(str(element.get("url")), html.escape(str(element.get("text") or element.get("url")))))
        elif kind == "emoji":
            made.append(EMOJI.get(str(element.get("name")), f":{html.escape(str(element.get('name')))}:"))
        else:
            made.append(html.escape(str(element.get("text", ""))).replace("\n", "<br>"))
    return "".join(made)


_BLOCKS: dict[str, Callable[[Mapping[str, Any], Names], str]] = {
    "header": _header,
    "section": _section,
    "context": _context,
    "actions": _actions,
    "divider": lambda _block, _names: "<hr>",
    "image": _element,
    "markdown": lambda block, _names: f'<div class="md">{markdown.render(str(block["text"]))}</div>',
    "rich_text": lambda block, _names: f'<div class="bk-section">{_rich(block["elements"])}</div>',
}
