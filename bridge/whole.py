"""A configuration read as a whole: its files, whether its secrets are there, the texts of its own templates."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.changes import MOST, files_of, folder_files, stamps
from bridge.config.load import load
from bridge.config.problem import ConfigError, Level, Problem
from bridge.config.words import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from bridge.config.environ import Environ
    from bridge.config.loaded import Loaded

_TEMPLATES = "BRIDGE_TEMPLATES"


def read_whole(environ: Environ, env: Mapping[str, str], last: Loaded | None = None) -> Loaded:
    """Read configuration and templates, as a process holds them until the next time.

    Raises:
        ConfigError: with all problems.
    """
    before = stamps(files_of(environ.config, None, environ.templates))
    loaded = load(environ.config, env, require_secrets=True, last=last)
    if environ.templates:
        none = [replace(one, level=Level.WARNING) for one in no_folder(environ.templates)]
        loaded = replace(loaded, templates=_templates(environ.templates), warnings=(*loaded.warnings, *none))
    after = stamps(files_of(environ.config, loaded, environ.templates))
    # what is included is known only once it was read: whether it was the same then, nobody knows
    return replace(loaded, stamps=after) if after == before else loaded


def no_folder(templates: Path) -> list[Problem]:
    """Say where the own templates' folder is none."""
    if os.path.isdir(templates):  # noqa: PTH112 - one that may not be looked at is none either
        return []
    return [Problem(_TEMPLATES, 0, f"there is no folder {shown(str(templates))}", "make it, or leave the variable out")]


def _templates(folder: Path) -> dict[str, str]:
    """Return the text of every template of a folder by its name; what is no text is none."""
    from bridge.render.harden import MOST_BYTES, MOST_SOURCE  # noqa: PLC0415 - most have no templates of their own

    texts: dict[str, str] = {}
    files = list(folder_files(folder))
    if len(files) > MOST:
        what = f"{folder} holds over {MOST:,} files"
        raise ConfigError([Problem(_TEMPLATES, 0, what, "give the templates a folder of their own")])
    for path in files:
        name = path.relative_to(folder).as_posix()
        try:
            what = f"is longer than {MOST_SOURCE:,} characters" if path.stat().st_size > MOST_BYTES else ""
            if not what:
                texts[name] = path.read_text("utf-8")
        except OSError:
            what = "can't be read"
        except UnicodeDecodeError:
            what = "is no UTF-8"
        if what and path.suffix == ".j2":
            raise ConfigError([Problem(name, 0, what, "write it as text, readable for the bridge")])
    return texts


def broken(loaded: Loaded) -> Iterator[Problem]:
    """Yield what of the templates in use can't be compiled: what they say, `bridge check` looks at."""
    named = any(keys[-1:] == ("template",) for document in loaded.documents for keys in document.places)
    if not named and not loaded.templates:
        return  # the shipped ones can: most starts don't wait for what is imported here
    from bridge.rehearse import used  # noqa: PLC0415 - as said above
    from bridge.render.folders import template_folder  # noqa: PLC0415 - as above
    from bridge.render.jinja import TemplateFailedError, Words  # noqa: PLC0415 - as above

    words = Words((template_folder(),), kept=loaded.templates)
    for kind, template, _where in used(loaded):
        try:
            words.outline(kind, template)
            words.check(kind, template)
        except TemplateFailedError as error:
            yield Problem(error.template, error.line, error.reason, "mend the template; `bridge check` shows more")
