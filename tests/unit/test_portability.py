"""Nothing outside guarded places calls what Windows or macOS do not have.

Read from the sources, because nobody has run the project there: `make check` lets mypy look at the code as on Windows,
too. What is guarded stands in `GUARDED` with its reason. The tests themselves (`test_*.py`) may use signals and shells;
what they stand on may not.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MODULES = words("crypt fcntl grp nis ossaudiodev posix pty pwd readline resource spwd syslog termios tty")
"""Modules whose page in Python's library reference says "Availability: Unix"."""

MEMBERS = {
    "os": words(
        """
        O_CLOEXEC O_DIRECTORY O_NOFOLLOW O_NONBLOCK WCOREDUMP WEXITSTATUS WIFCONTINUED WIFEXITED WIFSIGNALED WIFSTOPPED
        WNOHANG WSTOPSIG WTERMSIG chown chroot confstr ctermid fchdir fchmod fchown fork forkpty getegid geteuid getgid
        getgroups getloadavg getpgid getpgrp getpriority getresuid getsid getuid initgroups kill killpg lchown lockf
        mkfifo mknod nice openpty pathconf pipe2 posix_fadvise posix_fallocate posix_spawn pread preadv pwrite pwritev
        readv register_at_fork sched_getaffinity sched_setaffinity sched_yield sendfile setegid seteuid setgid setgroups
        setpgid setpriority setsid setuid statvfs symlink sync sysconf tcgetpgrp tcsetpgrp ttyname uname wait wait3
        wait4 waitid writev
        """
    ),
    "signal": words(
        """
        SIGALRM SIGBUS SIGCHLD SIGCONT SIGHUP SIGKILL SIGPIPE SIGPROF SIGQUIT SIGSTOP SIGTSTP SIGTTIN SIGTTOU SIGURG
        SIGUSR1 SIGUSR2 alarm getitimer pause pthread_kill pthread_sigmask setitimer siginterrupt sigpending sigwait
        sigwaitinfo
        """
    ),
    "socket": words("AF_UNIX CMSG_LEN SCM_RIGHTS SO_REUSEPORT send_fds recv_fds"),
    "select": words("epoll kqueue poll"),
    "time": words("CLOCK_PROCESS_CPUTIME_ID clock_gettime clock_gettime_ns pthread_getcpuclockid tzset"),
    "asyncio": words("open_unix_connection start_unix_server"),
}
"""Members of modules that are everywhere. Windows has `os.kill`, which ends any process, and `os.symlink`, for some."""

METHODS = words("add_signal_handler symlink_to hardlink_to mkfifo")
OPTIONS = words("preexec_fn start_new_session process_group pass_fds umask")
"""Keyword arguments of `subprocess.Popen`; `user` and `group` have other meanings elsewhere."""

PATHS = re.compile(r"^(/proc|/tmp|/dev|/etc|/var|/bin|/usr)(/|$)|^(bash|sh)$|^bin$")
"""Text that is a path, a shell, or the folder of a virtual environment's programs."""

GUARDED = {
    ("functions/instance.py", "os.sysconf"): "not on Windows",
    ("functions/text/formats/child.py", "resource"): "on macOS only",
    ("functions/text/formats/child.py", "os.pread"): "on Linux only",
    ("functions/text/formats/child.py", "os.sysconf"): "on Linux only",
    ("functions/text/formats/child.py", "/proc/self/statm"): "on Linux only",
    ("functions/text/formats/process_limits.py", "resource"): "imported behind a check of sys.platform",
    ("functions/text/formats/process_limits.py", "ctypes.CDLL(None)"): "on Linux only",
    ("functions/text/formats/runner.py", "start_new_session"): "behind a check of sys.platform",
    ("local/chromium.py", "os.geteuid"): "behind a check of sys.platform",
    ("local/file_lock.py", "fcntl"): "imported, and called, behind a check of sys.platform; msvcrt on Windows",
    ("local/functions_host/host.py", "resource"): "imported behind a check of sys.platform; psutil on Windows",
    ("local/process.py", "start_new_session"): "behind a check of sys.platform; a process group on Windows",
    ("local/process.py", "os.killpg"): "behind a check of sys.platform; process by process on Windows",
    ("local/process.py", "signal.SIGKILL"): "behind a check of sys.platform, or reached on Linux only",
    ("local/process.py", "signal.SIGSTOP"): "behind a check of sys.platform; psutil on Windows",
    ("local/process.py", "signal.SIGCONT"): "behind a check of sys.platform; psutil on Windows",
    ("local/with_parent.py", "ctypes.CDLL(None)"): "a script that local/process.py starts on Linux only",
    ("local/demo/view.py", "/proc/cpuinfo"): "what cannot be read is left out",
    ("tests/benchmarks/files.py", "/proc/"): "used where it exists",
    ("tests/benchmarks/results.py", "/proc/cpuinfo"): "used where it exists",
    ("tests/benchmarks/rig.py", "/proc/"): "used where it exists",
}


def sources() -> list[str]:
    files = [ROOT / "function_app.py"]
    for folder in ("functions", "local", "tests", "docs"):
        files += [file for file in (ROOT / folder).rglob("*.py") if not file.name.startswith("test_")]
    return sorted(file.relative_to(ROOT).as_posix() for file in files)


def posix_only(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield what only POSIX systems have, with its line."""
    described = {id(node) for body in _bodies(tree) for node in _docstrings(body)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name in MODULES]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            members = MEMBERS.get(module, frozenset())
            names = [module] if module in MODULES else []
            names += [f"{module}.{alias.name}" for alias in node.names if alias.name in members]
        elif isinstance(node, ast.Attribute):
            names = list(_attribute(node))
        elif isinstance(node, ast.keyword):
            names = [node.arg] if node.arg in OPTIONS else []
        elif isinstance(node, ast.Dict):
            names = [key.value for key in node.keys if isinstance(key, ast.Constant) and key.value in OPTIONS]
        elif isinstance(node, ast.Call):
            names = ["ctypes.CDLL(None)"] if _is_own_library(node) else []
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in described:
            names = [node.value] if PATHS.search(node.value) else []
        else:
            names = []
        for name in names:
            yield name, getattr(node, "lineno", 0)


def _is_own_library(node: ast.Call) -> bool:
    match node:
        case ast.Call(ast.Attribute(ast.Name("ctypes"), "CDLL"), [ast.Constant(None), *_]):
            return True
    return False


def _attribute(node: ast.Attribute) -> Iterator[str]:
    if isinstance(node.value, ast.Name) and node.attr in MEMBERS.get(node.value.id, ()):
        yield f"{node.value.id}.{node.attr}"
    elif node.attr in METHODS and not isinstance(node.ctx, ast.Store):
        yield node.attr


def _bodies(tree: ast.Module) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.body


def _docstrings(body: list[ast.stmt]) -> Iterator[ast.expr]:
    for statement in body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            yield statement.value


def found_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text("utf-8"), path)
    return {name for name, _ in posix_only(tree)}


def test_posix_only_calls_are_guarded() -> None:
    found = {(path, name) for path in sources() for name in found_in(path)}
    assert found - set(GUARDED) == set()


def test_every_guarded_place_exists() -> None:
    gone = {(path, name) for path, name in GUARDED if name not in found_in(path)}
    assert gone == set()


def test_files_are_utf_8() -> None:
    """Where Windows would take the encoding of the country."""
    unnamed = []
    for path in (path for path in sources() if not path.startswith("tests/")):
        for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            names_encoding = any(keyword.arg == "encoding" for keyword in node.keywords)
            positions = {"read_text": 1, "write_text": 2}
            expected = positions.get(node.func.attr)
            if expected is not None and not names_encoding and len(node.args) < expected:
                unnamed.append(f"{path}:{node.lineno}")
    assert unnamed == []


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import fcntl", "fcntl"),
        ("from resource import getrusage", "resource"),
        ("import os\nos.fork()", "os.fork"),
        ("from os import getuid", "os.getuid"),
        ("import signal\nsignal.SIGKILL", "signal.SIGKILL"),
        ("subprocess.Popen(command, preexec_fn=act)", "preexec_fn"),
        ("options = {'start_new_session': True}", "start_new_session"),
        ("open('/proc/self/status')", "/proc/self/status"),
        ("Path('.venv') / 'bin' / 'python'", "bin"),
        ("path.symlink_to(other)", "symlink_to"),
        ("loop.add_signal_handler(number, act)", "add_signal_handler"),
    ],
)
def test_posix_only_call_is_found(source: str, name: str) -> None:
    assert name in {found for found, _ in posix_only(ast.parse(source))}


@pytest.mark.parametrize(
    "source",
    ['"""Reads /proc/cpuinfo."""', "import os\nos.getpid()", "import signal\nsignal.SIGTERM", "x = '/admin/host'"],
)
def test_portable_code_is_not_reported(source: str) -> None:
    assert list(posix_only(ast.parse(source))) == []
