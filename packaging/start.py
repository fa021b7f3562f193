"""Where the bundled program starts; its children are the same program with another first word.

Parts of the engine start a helper as `sys.executable -c CODE` or `sys.executable SCRIPT`; here the program itself has
to play the interpreter for that, for scripts of its own folder only.
"""

import multiprocessing
import runpy
import sys
from pathlib import Path


def play_interpreter(argv: list[str]) -> bool:
    """Runs code or one of the program's own scripts, if that is what was asked for."""
    if argv[:1] == ["-c"] and len(argv) > 1:
        sys.argv = ["-c", *argv[2:]]
        exec(compile(argv[1], "<string>", "exec"), {"__name__": "__main__"})
        return True
    here = Path(getattr(sys, "_MEIPASS", Path(__file__).parent)).resolve()
    if argv and argv[0].endswith(".py") and Path(argv[0]).resolve().is_relative_to(here):
        sys.argv = argv
        runpy.run_path(argv[0], run_name="__main__")
        return True
    return False


if __name__ == "__main__":
    multiprocessing.freeze_support()
    if not play_interpreter(sys.argv[1:]):
        from app.__main__ import main

        sys.exit(main())
