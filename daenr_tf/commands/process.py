"""A command's process: exit statuses, signals, and what went wrong in one line."""

import argparse
import contextlib
import os
import signal
import sys

from daenr_tf.errors import INTERRUPTED, DivergedError, InputError, MachineError


class Parser(argparse.ArgumentParser):
    """Bad arguments are an `InputError` instead of a usage text and an exit."""

    def error(self, message):
        raise InputError(message.removeprefix("argument "))



def check_path(option, value):
    """Raises `InputError` where an option's value is a text that can't be a path."""
    if value == "" or (isinstance(value, str) and "\0" in value):
        raise InputError(f"{option}: expected a path, found {value!r}")



def leave(name, work):
    """Do a command's work and leave the process with the exit status of the contract; what went wrong is said in one line under `name`."""
    try:
        status = status_of(name, work)
    except KeyboardInterrupt:  # once more, while the first was being told
        status = INTERRUPTED
    if status == INTERRUPTED:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # who has stopped it may do so again while TensorFlow is taken down
            signal.signal(number, signal.SIG_IGN)
    sys.exit(status)



def status_of(name, work):
    """Do a command's work; its exit status."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup ignores SIGHUP
            signal.signal(number, _stop)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a path may have bytes that are no UTF-8
    try:
        work()
        return 0
    except InputError as error:
        return _say(name, error, 2)
    except DivergedError as error:
        return _say(name, error, 3)
    except KeyboardInterrupt as error:
        return _say(name, error if str(error) else "interrupted", INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (MachineError, OSError, MemoryError) as error:
        return _say(name, str(error) or type(error).__name__, 1)



def _stop(number, frame):
    raise KeyboardInterrupt(f"stopped by {signal.Signals(number).name}")



def _say(name, message, status):
    with contextlib.suppress(OSError):
        print(f"{name}: {' '.join(str(message).split())}", file=sys.stderr)
    return status
