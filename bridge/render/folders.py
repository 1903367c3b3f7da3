"""Where templates are: apart from what renders them, which a process that only serves does not load."""

from __future__ import annotations

from pathlib import Path

import bridge


def template_folder() -> Path:
    """Return the folder of the shipped templates: inside the installed package, else the checkout's."""
    package = Path(bridge.__file__).parent
    installed = package / "templates"
    return installed if installed.is_dir() else package.parent / "templates"


def template_folders(own: Path | None) -> tuple[Path, ...]:
    """Return where templates are searched: in somebody's own folder first, where there is one."""
    return (*([own] if own else []), template_folder())
