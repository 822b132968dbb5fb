"""A blob that is empty first and then has content, as some programs write their files."""

import uuid
from typing import Any

import pytest
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import BlobServiceClient

from functions.errors import Changed
from functions.storage.azure_containers import AzureContainer
from local.azurite import Azurite


class WritesInBetween(RequestsTransport):
    """Fills the blob after the service has said that it has no first byte, and before it is asked again."""

    fill: Any = None

    def send(self, request: Any, **options: Any) -> Any:
        response = super().send(request, **options)
        if response.status_code == 416 and self.fill:
            fill, self.fill = self.fill, None
            fill()
        return response


def test_document_filled_while_read_is_complete(storage: Azurite) -> None:
    """The client library would give the ETag of the full version with the size of the empty one."""
    transport, name = WritesInBetween(), f"empty-{uuid.uuid4().hex[:12]}"
    with (
        BlobServiceClient.from_connection_string(storage.connection_string, transport=transport) as reading,
        BlobServiceClient.from_connection_string(storage.connection_string) as writing,
    ):
        full = writing.create_container(name).get_blob_client("letter.txt")
        full.upload_blob(b"")
        transport.fill = lambda: full.upload_blob(b"Dear reader", overwrite=True)
        container = AzureContainer(reading.get_container_client(name))
        with pytest.raises(Changed):
            container.read("letter.txt", limit=1_000)
        assert container.read("letter.txt", limit=1_000).data == b"Dear reader"
        full.upload_blob(b"", overwrite=True)
        assert container.read("letter.txt", limit=1_000).data == b""
