"""What the site needs beyond docs/: the pages and files around it that the documentation links to.

A hook of mkdocs (https://www.mkdocs.org/user-guide/configuration/#hooks). On GitHub the same links lead into the
repository; here they lead to a copy.
"""
# ruff: noqa: INP001 - a hook, not part of the package

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
AROUND = {"README.md": "start.md", "CHANGELOG.md": "changes.md", "SECURITY.md": "security-policy.md"}
"""Pages of the repository's top, and their names in the site."""
COPIES = "files"
_LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)\s#]+)(?=[)#])")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages around docs/, and the files that any page links to."""
    pages = [*(ROOT / name for name in AROUND), *(Path(one.abs_src_path or "") for one in files.documentation_pages())]
    for page in pages:
        for to in _LINK.findall(page.read_text("utf-8")):
            target = (page.parent / to).resolve()
            name = _name(target)
            if name.startswith(COPIES) and target.is_file() and name not in files.src_uris:
                files.append(File.generated(config, name, abs_src_path=str(target)))
    for name, place in AROUND.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Lead links to where their targets are in the site."""
    source = Path(page.file.abs_src_path or "")
    here = Path(page.file.src_uri).parent

    def lead(link: re.Match[str]) -> str:
        return os.path.relpath(_name((source.parent / link[1]).resolve()), here)

    return _LINK.sub(lead, markdown)


def _name(target: Path) -> str:
    """Return a file's name in the site; of a folder outside docs/ there is none, and the build says so."""
    if target.is_relative_to(DOCS) and target.suffix != ".py":
        return str(target.relative_to(DOCS))
    path = str(target.relative_to(ROOT))
    return AROUND.get(path, f"{COPIES}/{path}")
