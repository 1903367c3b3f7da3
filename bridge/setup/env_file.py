"""`.env`: variables in the working directory, for a bridge that is started by hand. A variable that is set wins."""

from __future__ import annotations

import io
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from dotenv import dotenv_values, set_key

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

_PLAIN = re.compile(r"[\w./:@%+=,-]+", re.ASCII)
"""What needs no quotes, for readers that know none (`docker run --env-file`)."""


class EnvFileError(ValueError):
    """The file can't be read; the sentence says what to mend."""


def load(path: Path, env: MutableMapping[str, str]) -> None:
    """Set the variables of a file that aren't set yet, or empty; where there is no such file, nothing.

    Raises:
        EnvFileError: it is there, but can't be read.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise EnvFileError(f"{path} can't be read ({why}): let this user read it, or move it away") from None
    # nothing is filled in: a secret may hold a dollar
    for name, value in dotenv_values(stream=io.StringIO(text), interpolate=False).items():
        if value is not None and not env.get(name):
            env[name] = value


def draft_with(path: Path, values: Mapping[str, str]) -> str:
    """Return a file's text with variables set; its other lines stay as they are.

    Raises:
        OSError, UnicodeDecodeError: it is there, but can't be read.
    """
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "env"
        draft.write_text(path.read_text("utf-8") if path.exists() else "", "utf-8")
        for name, value in values.items():
            set_key(draft, name, value, quote_mode="never" if _PLAIN.fullmatch(value) else "always")
        return draft.read_text("utf-8")
