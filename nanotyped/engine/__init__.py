"""The engine: runs a ``Graph`` in threads. It knows nodes by their protocol, none by its name."""

from nanotyped.engine.monitor import bcolors
from nanotyped.engine.run import Run, prepare_run, start_run
from nanotyped.engine.runner import ThreadedRunner, run_to_end
from nanotyped.node import install_runner

__all__ = ["Run", "ThreadedRunner", "bcolors", "prepare_run", "run_to_end", "start_run"]

install_runner(ThreadedRunner())
