"""out/ follows the output container, whatever the results are called."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient, ContainerClient

from local.azurite import Azurite
from local.demo.containers import Containers
from local.demo.folders import ESCAPED_NAMES_FILE
from local.demo.mirror import Mirror
from local.demo.names import escaped_path
from local.stack import Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, storage: Azurite) -> Stack:
    """Storage with its containers, and nothing that works on them."""
    prepared = Stack(tmp_path_factory.mktemp("stack"))
    prepared.storage = storage
    prepared.create_containers()
    return prepared


@pytest.fixture
def output(stack: Stack) -> Iterator[ContainerClient]:
    with BlobServiceClient.from_connection_string(stack.connection_string) as service:
        container = service.get_container_client("entities")
        yield container
        for blob in list(container.list_blob_names()):
            container.delete_blob(blob)


def put(output: ContainerClient, name: str, document: str, entities: int = 0) -> None:
    content = {"document": {"name": document}, "entities": [{}] * entities}
    output.upload_blob(name, json.dumps(content), overwrite=True, metadata={"source_etag": '"0x1"'})


def read(file: Path) -> Any:
    return json.loads(file.read_text("utf-8"))


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_results_mirror_container(stack: Stack, output: ContainerClient, tmp_path: Path) -> None:
    """They appear, change and go as there."""
    with Containers(stack) as containers:
        mirror = Mirror(containers, tmp_path)
        put(output, "a b/ä#.txt.error.json", "a b/ä#.txt")
        (arrival,) = mirror.update()
        assert arrival.file == tmp_path / "a b" / "ä#.txt.error.json"
        assert mirror.update() == []

        output.delete_blob("a b/ä#.txt.error.json")
        put(output, "a b/ä#.txt.entities.json", "a b/ä#.txt")
        assert [arrival.result.is_error for arrival in mirror.update()] == [False]
        assert files(tmp_path) == ["a b/ä#.txt.entities.json"]

        put(output, "a b/ä#.txt.entities.json", "a b/ä#.txt", entities=2)
        (arrival,) = mirror.update()
        assert len(arrival.content["entities"]) == 2


def test_earlier_results_are_no_news(stack: Stack, output: ContainerClient, tmp_path: Path) -> None:
    with Containers(stack) as containers:
        put(output, "a.txt.entities.json", "a.txt")
        Mirror(containers, tmp_path).update()
        mirror = Mirror(containers, tmp_path)
        assert mirror.update() == []
        output.delete_blob("a.txt.entities.json")
        mirror.update()
        assert files(tmp_path) == []


def test_taken_name_gets_another(stack: Stack, output: ContainerClient, tmp_path: Path) -> None:
    """A blob may be called after a blob and below it; a file may not."""
    (tmp_path / "taken.entities.json").mkdir()
    escaped = str(escaped_path("taken.entities.json"))
    with Containers(stack) as containers:
        mirror = Mirror(containers, tmp_path)
        put(output, "taken.entities.json", "taken")
        put(output, "good.entities.json", "good")
        arrivals = {arrival.result.name: arrival for arrival in mirror.update()}
        assert arrivals["taken.entities.json"].file == tmp_path / escaped
        assert arrivals["good.entities.json"].file == tmp_path / "good.entities.json"
        assert read(tmp_path / ESCAPED_NAMES_FILE) == {escaped: "taken.entities.json"}
        assert mirror.update() == []
        assert Mirror(containers, tmp_path).update() == []
        output.delete_blob("taken.entities.json")
        mirror.update()
        assert files(tmp_path) == ["good.entities.json"]


def test_unwritable_result_affects_no_others(stack: Stack, output: ContainerClient, tmp_path: Path) -> None:
    escaped = tmp_path / escaped_path("taken.entities.json")
    for folder in (tmp_path / "taken.entities.json", escaped):
        folder.mkdir()
    with Containers(stack) as containers:
        put(output, "taken.entities.json", "taken")
        put(output, "good.entities.json", "good")
        arrivals = {arrival.result.name: arrival for arrival in Mirror(containers, tmp_path).update()}
        assert arrivals["taken.entities.json"].file is None
        assert arrivals["taken.entities.json"].problem
        assert arrivals["good.entities.json"].file == tmp_path / "good.entities.json"


def test_colliding_results_get_own_files(stack: Stack, output: ContainerClient, tmp_path: Path) -> None:
    """The file of the first one moves when the second comes, and comes back when that goes."""
    one, other = "A.txt.entities.json", "a.txt.entities.json"
    with Containers(stack) as containers:
        mirror = Mirror(containers, tmp_path)
        put(output, one, "A.txt")
        assert [arrival.file for arrival in mirror.update()] == [tmp_path / one]
        put(output, other, "a.txt")
        assert [arrival.result.name for arrival in mirror.update()] == [other]
        assert files(tmp_path) == sorted([str(escaped_path(one)), str(escaped_path(other)), ESCAPED_NAMES_FILE])
        assert read(tmp_path / escaped_path(one))["document"]["name"] == "A.txt"
        assert read(tmp_path / escaped_path(other))["document"]["name"] == "a.txt"
        output.delete_blob(other)
        assert mirror.update() == []
        assert files(tmp_path) == [one]
