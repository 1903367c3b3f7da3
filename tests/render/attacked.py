"""Renders hostile templates, each in a fork of its own that may use little, and says what each used.

A program: on the command line the name of a kind, of a block, and of attacks, or none for all; on the standard output
a JSON line an attack.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import traceback
from pathlib import Path

from scenes import want
from template_attacks import attacks

from bridge.render.folders import template_folder
from bridge.render.jinja import TemplateFailedError, Words
from bridge.render.view import view

SECONDS = 2
"""Of the processor, after which the kernel ends a fork."""
MEMORY = 128 * 1024 * 1024
"""Bytes of addresses that a fork may take beside those that it began with."""


def attacked(name, text, kind, block):
    """Render one, as the deliverer does; return what came of it and what it used."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "own.j2").write_text(text, "utf-8")
        words = Words((Path(folder), template_folder()))
        seen = view(want("resolved", kind))
        words.block(kind, block, seen)
        began, most = resource.getrusage(resource.RUSAGE_SELF), {}
        try:
            most["text"] = len(words.block(kind, block, seen, "own.j2"))
        except TemplateFailedError as error:
            most["failed"] = str(error)
        ended = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "name": name,
        **most,
        "seconds": ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime,
        "kilobytes": ended.ru_maxrss - began.ru_maxrss,
    }


def main(kind, block, names):
    taken = int(Path("/proc/self/statm").read_text("utf-8").split()[0]) * resource.getpagesize()
    for name, text in attacks(kind, block).items():
        if names and name not in names:
            continue
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, taken + MEMORY))
            resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
            try:
                sys.stdout.write(json.dumps(attacked(name, text, kind, block)) + "\n")
                sys.stdout.flush()
                os._exit(0)
            finally:
                traceback.print_exc()
                os._exit(1)
        _, status = os.waitpid(child, 0)
        if status:
            sys.stdout.write(json.dumps({"name": name, "killed": status}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
