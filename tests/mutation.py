"""How a fuzz test damages a file, and what reading it may cost."""

import contextlib
import resource
import signal

import psutil

SECONDS, BYTES = 10, 4 << 30


@contextlib.contextmanager
def bounded():
    """What stands inside may take 10 s, and the process 4 GiB."""

    def out_of_time(*_):
        raise TimeoutError(f"more than {SECONDS} s")

    peak, held = _most_held(), psutil.Process().memory_info().rss
    before = signal.signal(signal.SIGALRM, out_of_time)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    # What other tests of this process came to before doesn't count.
    assert _most_held() == peak or _most_held() - held < BYTES


def _most_held():
    """Bytes, the most that this process ever had resident."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def mutated(content, dice):
    """`content` with one to four bits turned over, ends cut off, pieces moved, doubled, or overwritten."""
    content = bytearray(content)
    for _ in range(dice.randint(1, 4)):
        if not content:
            break
        here, there, length = (
            dice.randrange(len(content)),
            dice.randrange(len(content)),
            dice.choice((1, 2, 4, 16, 100)),
        )
        match dice.randrange(6):
            case 0 | 1:
                content[here] ^= 1 << dice.randrange(8)
            case 2:
                del content[here if dice.random() < 0.3 else -length :]
            case 3:
                content[here:here] = content[there : there + length]
            case 4:
                content[here : here + length] = bytes([dice.choice((0, 255, 65))]) * length
            case 5:
                del content[here : here + length]
    return bytes(content)
