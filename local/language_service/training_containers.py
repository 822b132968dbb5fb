"""Where the documents of a project are: a folder, or a container of a storage account (the emulator's, mostly)."""

from collections.abc import Callable, Mapping
from pathlib import Path

from local.language_service.authoring_state import Container


def folder(path: Path) -> Container:
    """Give the documents of a folder."""

    def read(name: str) -> bytes:
        file = (path / name).resolve()
        if not name or not file.is_relative_to(path.resolve()):
            raise FileNotFoundError(f"'{name}' lies outside the container")
        return file.read_bytes()

    return read


def storage_container(connection: str, container: str) -> Container:
    """Give the documents of a container of a storage account."""
    from azure.core.exceptions import AzureError
    from azure.storage.blob import ContainerClient

    client = ContainerClient.from_connection_string(connection, container)

    def read(name: str) -> bytes:
        try:
            return client.download_blob(name).readall()
        except AzureError as exc:
            raise FileNotFoundError(f"blob '{name}' of container '{container}': {type(exc).__name__}") from exc

    return read


def containers(folders: Mapping[str, Path], connection: str | None) -> Callable[[str], Container]:
    """Give the containers by name: the storage account's if there is one and it has the document, else the folder's."""

    def of_name(container: str) -> Container:
        places = [storage_container(connection, container)] if connection else []
        if container in folders:
            places.append(folder(folders[container]))

        def read(name: str) -> bytes:
            for place in places:
                try:
                    return place(name)
                except OSError as exc:
                    failed = exc
            raise failed if places else FileNotFoundError(f"there is no container '{container}'")

        return read

    return of_name
