"""How tests start things and talk to them. See fixtures.py for what a test can ask for."""

from ops.stack import StackError, wait_until

from .chronos import Chronos

__all__ = ["Chronos", "StackError", "wait_until"]
