"""The attack strings, and independent readers that find what of a rendered message would come alive.

GitHub's own Markdown parser (cmark-gfm) and an HTML parser read what goes to GitHub; for Slack and PagerDuty there is
none, so their rules are written down here anew, without the bridge's code.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from pathlib import Path

import cmarkgfm
import html5lib
from cmarkgfm.cmark import Options

ATTACKS = {
    one["name"]: one["text"]
    for one in tomllib.loads((Path(__file__).parents[1] / "attacks.toml").read_text())["attack"]
}
ATTACKS["lone-surrogate"] = "a\ud800b\udfffc"

SHOWN = "\n\u200b\u200c\u200d\u2060"
"""Of control and format characters those that may stand in a message: line ends, and what we or languages need."""
_SLACK_TAG = re.compile(r"<([^<>]*)>")
_SLACK = {
    "a loose bracket": re.compile(r"[<>]"),
    "a bare ampersand": re.compile(r"&(?!(?:amp|lt|gt);)"),
    "a mention": re.compile(r"@(?:channel|here|everyone|[UW]\d)"),
    "an address": re.compile(r"https?://"),
    "an emoji": re.compile(r"(?<![\w:]):[a-z0-9_+-]+:(?!\w)", re.IGNORECASE),
    "code": re.compile(r"```|(?:^|\s)`[^`]+`"),
    "a quote": re.compile(r"^\s*(?:>|&gt;)", re.MULTILINE),
}
_GITHUB = {
    "a mention": re.compile(r"(?<![\w/@.`-])@[A-Za-z0-9]"),
    "a reference": re.compile(r"#\d"),
    "a GH reference": re.compile(r"(?<![A-Za-z0-9])GH-\d", re.IGNORECASE),
    "a commit": re.compile(
        r"(?<![0-9a-zA-Z])(?:[0-9a-f]{40}|(?<![.-])(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{7,39}(?!-))"
        r"(?<!(?<![0-9a-f])[0-9a-f]{16})(?![0-9a-zA-Z])"
    ),
    "an address": re.compile(r"(?:https?|ftp)://", re.IGNORECASE),
    "an emoji": re.compile(r"(?<!\w):[a-z0-9_+-]+:", re.IGNORECASE),
}
_FENCE = re.compile(r"^(`{3,})[^\n`]*\n.*?^\1$", re.MULTILINE | re.DOTALL)
_MATH = re.compile(r"(?<!\\)\$")
_ELEMENTS = {"p", "table", "thead", "tbody", "tr", "th", "td", "a", "strong", "details", "summary", "ul", "li"}
_ELEMENTS |= {"blockquote", "pre", "code", "br", "DOCUMENT_FRAGMENT"}


def hidden(text: str) -> list[str]:
    """What never shows in a text, but changes what does."""
    return [
        f"hidden {character!a}"
        for character in text
        if (unicodedata.category(character) in {"Cc", "Cs", "Cf", "Zl", "Zp"} and character not in SHOWN)
    ]


def strings(value):
    """All texts of a JSON value, with names."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def alive_in_slack(content, ours) -> list[str]:
    """What comes alive in a Slack message; `ours` says of an address whether it may be linked."""
    found = _mrkdwn(content.get("text", ""), ours)
    for block in content.get("blocks", []):
        for part in [*block.get("elements", []), *([block["text"]] if "text" in block else [])]:
            said = part["text"]
            found += hidden(said)
            if part["type"] == "mrkdwn":
                found += _mrkdwn(said, ours) + ([] if part.get("verbatim") is True else ["not verbatim"])
            else:
                found += [] if part.get("emoji") is False else ["emoji are on"]
                found += ["unescaped"] if "<" in said or _SLACK["a bare ampersand"].search(said) else []
    return found


def _mrkdwn(said, ours):
    tags = [tag for tag in _SLACK_TAG.findall(said) if tag[:1] in "@#!" or not ours(tag.partition("|")[0])]
    rest = _SLACK_TAG.sub("", said)
    return hidden(said) + tags + [what for what, pattern in _SLACK.items() if pattern.search(rest)]


def alive_in_pagerduty(event, ours) -> list[str]:
    """What comes alive in a page."""
    found = [one for said in strings(event) for one in hidden(said)]
    payload = event["payload"]
    if re.search(r"://|[<>\[\]{}]|www\.\w|\w@\w", payload["summary"]):
        found.append(f"unspeakable: {payload['summary'][:80]}")
    details = [payload.get("custom_details", {}), *(payload.get(name, "") for name in ("class", "group", "component"))]
    found += [
        f"an address: {said[:80]}" for one in details for said in strings(one) if re.search(r"https?://|www\.\w", said)
    ]
    urls = [link.get("href") or link.get("src") for link in [*event.get("links", []), *event.get("images", [])]]
    return found + [url for url in urls if not ours(url)]


def alive_in_title(title) -> list[str]:
    """What comes alive in an issue's title: GitHub reads references, code and emoji there."""
    found = hidden(title) + [what for what, pattern in _GITHUB.items() if pattern.search(title)]
    return found + (["code"] if re.search(r"`[^`]+`", title) else []) + (["a line end"] if "\n" in title else [])


def alive_in_markdown(body, ours) -> list[str]:
    """What comes alive in an issue's body or a comment."""
    page = cmarkgfm.github_flavored_markdown_to_html(body, Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_FOOTNOTES)
    found = hidden(body) + (["mathematics"] if _MATH.search(_FENCE.sub("", body)) else [])
    _walk(html5lib.parseFragment(page, namespaceHTMLElements=False), found, ours, inert=False)
    return found + (["an open fold"] if page.count("<details") != page.count("</details>") else [])


def _walk(element, found, ours, *, inert) -> None:
    tag = element.tag if isinstance(element.tag, str) else "!"
    if tag not in _ELEMENTS and tag != "!":
        found.append(f"<{tag}>")
    if tag == "!" and not re.fullmatch(r" bridge:[0-9A-Z]+:\d+ ", element.text or ""):
        found.append(f"a comment {element.text!r}")
    found += [f"{tag} {name}" for name in element.attrib if name not in {"href", "align", "lang"}]
    if tag == "a" and not ours(element.attrib.get("href", "")):
        found.append(f"a link to {element.attrib.get('href', '')[:80]}")
    quiet = inert or tag in {"pre", "code", "a", "!"}
    texts = [] if quiet else [element.text or ""]
    for child in element:
        _walk(child, found, ours, inert=quiet)
        texts += [] if quiet else [child.tail or ""]
    found += [f"{what}: {text[:80]!r}" for text in texts for what, pattern in _GITHUB.items() if pattern.search(text)]
