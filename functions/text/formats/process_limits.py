"""What a process gives up before it reads files of strangers: memory, processor time, files, network, processes.

All of it holds on Linux. Windows has none of these calls, and macOS does not keep the limit of memory; there the limits
in the extractors and the wall clock of the app are what holds.
"""

import math
import sys
import time

_OPEN_FILES = 3
"""As many as are open from the start: no new number is free, for a file or a socket. Without files no installed font
is found either, which would make the text of some pdf files depend on the machine."""

# <linux/prctl.h>, <linux/seccomp.h>, <linux/bpf_common.h>, <linux/audit.h>
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_LOAD, _EQUALS, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050001  # The second fails with EPERM.
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4
_X32 = 0x40000000

# fork, exec, sockets, opening files, changing files by name, signals and memory of other processes.
_REFUSED = {
    "x86_64": (
        0xC000003E,
        "2 41 42 49 53 56 57 58 59 62 76 80 82 83 84 85 86 87 88 90 92 94 101 133 188 257 258 259 260 263 264 265 266 "
        "268 280 310 311 316 319 321 322 424 425 434 435 437 438 452",
    ),
    "aarch64": (
        0xC00000B7,
        "5 33 34 35 36 37 38 45 49 53 54 56 88 117 129 198 199 200 203 220 221 270 271 276 279 280 281 424 425 434 435 "
        "437 438 452",
    ),
}
"""By machine: its number for the kernel, and the system calls that are refused."""


def apply(memory_mb: int) -> None:
    """Limit this process for good. Everything that it needs must be loaded."""
    if sys.platform != "win32":
        import resource

        # First, because it imports what cannot be opened any more afterwards.
        _refuse_system_calls()
        memory = memory_mb << 20
        for limit, value in (
            (resource.RLIMIT_AS, memory),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_NOFILE, _OPEN_FILES),
        ):
            try:
                resource.setrlimit(limit, (value, value))
            except (ValueError, OSError):  # macOS refuses some.
                continue


def allow_processor_seconds(seconds: float) -> None:
    """Let this process run for so long from now on; the limit of the system counts from its start."""
    if sys.platform != "win32":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        soft = math.ceil(time.process_time() + seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (soft if hard < 0 else min(soft, hard), hard))


def _refuse_system_calls() -> None:
    """Let the kernel refuse what no extractor does; where it cannot, the other limits have to do."""
    import ctypes
    import platform

    if sys.platform != "linux" or platform.machine() not in _REFUSED:
        return
    architecture, listed = _REFUSED[platform.machine()]
    numbers = [int(number) for number in listed.split()]
    steps: list[tuple[int, int, int, int]] = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_EQUALS, 0, len(numbers) + 3, architecture),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_AT_LEAST, len(numbers) + 1, 0, _X32),
        *((_EQUALS, len(numbers) - index, 0, number) for index, number in enumerate(numbers)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]

    class _Step(ctypes.Structure):
        _fields_ = [
            ("code", ctypes.c_uint16),
            ("if_true", ctypes.c_uint8),
            ("if_false", ctypes.c_uint8),
            ("k", ctypes.c_uint32),
        ]

    class _Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_uint16), ("steps", ctypes.POINTER(_Step))]

    array = (_Step * len(steps))(*(_Step(*step) for step in steps))
    program = _Program(len(steps), array)
    library = ctypes.CDLL(None)
    zero = ctypes.c_ulong(0)
    library.prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), zero, zero, zero)
    library.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), ctypes.byref(program), zero, zero)
