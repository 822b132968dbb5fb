"""Reading typed data: from many threads at once, each type for the first time."""

import subprocess
import sys

import msgspec
import pytest

from functions import typed_data
from local.process import ROOT

THREADS = """
import json, sys, threading, types
from functions import typed_data

sys.setswitchinterval(1e-6)
TYPES = '''
import msgspec
class Item(msgspec.Struct):
    number: int = 0
    name: "str | None" = None
class Part(msgspec.Struct):
    item: "Item | None" = None
    parts: list["Part"] = []
class Whole(msgspec.Struct):
    part: "Part | None" = None
    items: "tuple[Item, ...]" = ()
'''
DATA = {"part": {"item": {"number": 1}, "parts": [{}]}, "items": [{"name": "a"}]}
JSON = json.dumps(DATA)
failed = []


def read(kind, barrier, how):
    barrier.wait()
    try:
        whole = typed_data.from_json(JSON, kind) if how else typed_data.converted(DATA, kind)
        assert whole.items[0].name == "a" and whole.part.parts
    except BaseException as error:
        failed.append(error)


for number in range(400):
    module = sys.modules[f"m{number}"] = types.ModuleType(f"m{number}")
    exec(TYPES, module.__dict__)
    barrier = threading.Barrier(4)
    threads = [threading.Thread(target=read, args=(module.Whole, barrier, how % 2)) for how in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print(len(failed))
"""


def test_many_threads_read_a_type_first() -> None:
    """In a process of its own, for what it is about ends one: without the lock, within the first hundreds of types."""
    done = subprocess.run([sys.executable, "-c", THREADS], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr[-2000:]


class _Point(msgspec.Struct):
    x: int
    y: int = 0


def test_decoder_is_made_once() -> None:
    assert typed_data.decoder_of(_Point) is typed_data.decoder_of(_Point)


def test_plain_data_and_messages_are_read() -> None:
    assert typed_data.converted([{"x": 1}], list[_Point]) == [_Point(1)]
    assert typed_data.converted({"x": "1"}, _Point, strict=False) == _Point(1)
    assert typed_data.from_msgpack(msgspec.msgpack.encode({"x": 1}), _Point) == _Point(1)
    with pytest.raises(msgspec.ValidationError):
        typed_data.converted({"x": "1"}, _Point)
