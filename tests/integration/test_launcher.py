"""The installed command while it is still being imported."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import nanotyped_launcher

COMMAND = Path(sys.executable).with_name("nanotyped")
# Holds the import of a library that the package needs until a line comes in.
HOLD = """\
import sys
class Hold:
    def find_spec(self, name, path=None, target=None):
        if name == "pydantic":
            print("importing", flush=True)
            sys.stdin.readline()
sys.meta_path.insert(0, Hold())
"""


def importing(folder: Path, ignored: str = "", command: tuple[str, ...] = (str(COMMAND),)) -> subprocess.Popen[str]:
    """Return the command in the middle of its imports."""
    (folder / "sitecustomize.py").write_text(HOLD)
    process = subprocess.Popen(
        ["sh", "-c", f'{ignored} exec "$@"', "sh", *command, "--version"],
        env=os.environ | {"PYTHONPATH": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "importing\n"
    return process


@pytest.mark.parametrize("command", [(str(COMMAND),), (sys.executable, "-m", "nanotyped")], ids=["command", "module"])
def test_ctrl_c_is_quiet_from_the_first_moment(tmp_path: Path, command: tuple[str, ...]) -> None:
    """The command ends with 130 and says nothing, as it does later."""
    process = importing(tmp_path, command=command)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == 130


def test_an_ignored_ctrl_c_stays_so(tmp_path: Path) -> None:
    """What a shell started to be left alone is left alone."""
    process = importing(tmp_path, "trap '' INT;")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate("\n", timeout=30)
    assert (out.startswith("nanotyped "), err, process.returncode) == (True, "", 0)


def test_a_program_that_imports_the_package_keeps_its_ctrl_c() -> None:
    """And an event loop comes only with the nodes that need one."""
    program = (
        "import signal, sys, nanotyped, nanotyped.cli;"
        "print(signal.getsignal(signal.SIGINT) is signal.default_int_handler, {'anyio', 'watchfiles'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "True set()\n"


def test_ctrl_c_is_the_command_s_own_once_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The handler of the imports is gone behind them."""
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(sys, "argv", ["nanotyped", "--version"])
    assert nanotyped_launcher.main() == 0
    assert signal.getsignal(signal.SIGINT) is before
