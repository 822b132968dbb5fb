"""The connection to the storage account, in both forms: what is right, and what is refused with which reason."""

import pytest

from functions.storage_connection import (
    BLOB_URI,
    CLIENT_ID,
    CREDENTIAL,
    NAME,
    QUEUE_URI,
    StorageConnection,
    read_storage_connection,
)

KEYED = "DefaultEndpointsProtocol=https;AccountName=account;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net"
ENDPOINTS = "BlobEndpoint=https://account.blob.core.windows.net/;QueueEndpoint=https://account.queue.core.windows.net/"
SAS = "sv=2022-11-02&ss=bq&srt=sco&sp=rwdlacup&se=2030-01-01T00:00:00Z&spr=https&sig=c2VjcmV0%3D"
SIGNED = f"{ENDPOINTS};SharedAccessSignature={SAS}"
EMULATOR = (
    "AccountName=devstoreaccount1;AccountKey=c2VjcmV0;BlobEndpoint=http://azurite:10000/devstoreaccount1;"
    "QueueEndpoint=http://azurite:10001/devstoreaccount1"
)
ID = "11111111-1111-1111-1111-111111111111"
IDENTITY = {BLOB_URI: "https://account.blob.core.windows.net", QUEUE_URI: "https://account.queue.core.windows.net"}


def problems_of(connection_string: str) -> list[str]:
    return read_storage_connection({NAME: connection_string})[1]


@pytest.mark.parametrize(
    "text",
    [
        "UseDevelopmentStorage=true",
        "UseDevelopmentStorage=true;",
        KEYED,
        f"{KEYED};",
        KEYED.replace("https", "HTTPS"),
        KEYED.replace("DefaultEndpointsProtocol", "defaultendpointsprotocol"),
        KEYED.replace("core.windows.net", "core.usgovcloudapi.net"),
        "AccountName=account;AccountKey=c2VjcmV0",
        f"{KEYED};TableEndpoint=https://account.table.core.windows.net/;SomethingNew=1",
        f"{ENDPOINTS};AccountName=account;AccountKey=c2VjcmV0",
        "BlobEndpoint=https://account.z12.blob.storage.azure.net;QueueEndpoint=https://account.z12.queue.storage.azure.net;"
        "AccountName=account;AccountKey=c2VjcmV0",
        "BlobEndpoint=https://blobs.contoso.com;QueueEndpoint=https://queues.contoso.com;AccountName=account;AccountKey=aA==",
        "BlobEndpoint=http://127.0.0.1:10000/a;QueueEndpoint=http://127.0.0.1:10001/a;AccountName=a;AccountKey=aA==",
        EMULATOR,
        SIGNED,
        SIGNED.replace("Signature=", "Signature=?"),
        f"AccountName=account;SharedAccessSignature={SAS}",
        EMULATOR.replace("AccountKey=c2VjcmV0", f"SharedAccessSignature={SAS}"),
    ],
)
def test_connection_string_is_accepted(text: str) -> None:
    connection, problems = read_storage_connection({NAME: text})
    assert problems == []
    assert connection == StorageConnection(connection_string=connection.connection_string)
    assert connection.connection_string == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("c2VjcmV0", "a part without a name and '='"),
        (KEYED.replace(";", ";;", 1), "a part without a name and '='"),
        (f";{KEYED}", "a part without a name and '='"),
        (KEYED.replace(";", ";\n"), "line breaks"),
        (KEYED.replace(";", "; "), "blanks"),
        (KEYED.replace("=account", "= account"), "blanks"),
        (f'"{KEYED}"', "quotes"),
        (f"'{KEYED}'", "quotes"),
        (KEYED.replace("=account", "=<account>"), "angle brackets"),
        (KEYED.replace("account", "accoünt"), "not printable ASCII"),
        (f"{KEYED};accountname=other", "given twice"),
        (f"{KEYED};X=1;x=1", "given twice"),
        ("AccountName=account", "neither AccountKey nor SharedAccessSignature"),
        (KEYED.replace("c2VjcmV0", ""), "AccountKey has no value"),
        (KEYED.replace("c2VjcmV0", "c2VjcmV"), "cut off or altered (not base64)"),
        (KEYED.replace("c2VjcmV0", "c2Vjcm-_"), "cut off or altered (not base64)"),
        ("AccountKey=c2VjcmV0", "AccountKey without AccountName"),
        (f"{KEYED};SharedAccessSignature={SAS}", "only one of them can count"),
        (KEYED.replace("https", "ftp"), "DefaultEndpointsProtocol is neither https nor http"),
        (KEYED.replace("=account", "=My-Account"), "3 to 24 lower-case letters and digits"),
        (KEYED.replace("core.windows.net", ""), "EndpointSuffix has no value"),
        (KEYED.replace("core.windows.net", "core.windows.net/x"), "EndpointSuffix is not a domain"),
        (KEYED.replace("core.windows.net", ".core.windows.net"), "EndpointSuffix is not a domain"),
        (KEYED.replace("core.windows.net", "core.windows.net:443"), "EndpointSuffix is not a domain"),
        ("UseDevelopmentStorage=True", "only be 'true', in lower case"),
        ("UseDevelopmentStorage=false", "only be 'true', in lower case"),
        (
            "UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://azurite",
            "do not know DevelopmentStorageProxyUri",
        ),
        (f"UseDevelopmentStorage=true;{KEYED}", "stands alone"),
        (EMULATOR.rsplit(";", 1)[0], "it has no QueueEndpoint"),
        (f"{KEYED};QueueEndpoint=https://account.queue.core.windows.net", "it has no BlobEndpoint"),
        (f"{KEYED};BlobSecondaryEndpoint=https://account-secondary.blob.core.windows.net", "it has no BlobEndpoint"),
        (SIGNED.replace(".net/;", ".net/documents;", 1), "BlobEndpoint is wrong: it has a path"),
        (SIGNED.replace("account.blob", "account.queue"), "it is the address of the queue service"),
        (SIGNED.replace("account.queue", "other.queue"), "different storage accounts"),
        (f"{ENDPOINTS};AccountName=other;AccountKey=aA==", "not the account of its endpoints"),
        (SIGNED.replace(".net/;", ".net/?sv=1&sig=c2VjcmV0;", 1), "BlobEndpoint is wrong: it has a query"),
        (SIGNED.replace("https://account.blob", "http://account.blob"), "over plain http"),
        (SIGNED.replace("&sig=c2VjcmV0%3D", ""), "no 'sig'"),
        (SIGNED.replace("&sig=c2VjcmV0%3D", "&sig="), "no 'sig'"),
        (SIGNED.replace("&sp=", "&//sp="), "a field is unknown or given twice"),
        (SIGNED.replace("&sp=", "&sv=1&sp="), "a field is unknown or given twice"),
        (SIGNED.replace("sv=", "??sv="), "a field is unknown or given twice"),
        (f"{SIGNED}#x", "a field is unknown or given twice"),
        (SIGNED.replace("&ss=bq", "&ss=b"), "for blobs and queues (ss=bq)"),
        (SIGNED.replace("&ss=bq", "&sr=c"), "for blobs and queues (ss=bq)"),
        (SIGNED.replace("&srt=sco", "&srt=s"), "containers and objects (srt=co)"),
        (SIGNED.replace("&se=2030-01-01T00:00:00Z", ""), "no expiry"),
    ],
)
def test_wrong_connection_string_is_not_shown(text: str, reason: str) -> None:
    problems = problems_of(text)
    assert any(reason in problem for problem in problems), problems
    assert all("value not shown" in problem and problem.endswith(".") for problem in problems)
    assert not any("c2VjcmV" in problem for problem in problems)


def test_all_faults_are_listed() -> None:
    assert len(problems_of("AccountKey=%%%;BlobEndpoint=ftp://x")) == 3


@pytest.mark.parametrize("around", [" {}", "{}\n", "\t{}\r\n"])
def test_blanks_around_value_are_refused(around: str) -> None:
    (problem,) = problems_of(around.format(KEYED))
    assert "has blanks or line breaks around its value" in problem


def test_two_addresses_are_identity_form() -> None:
    more = {CREDENTIAL: "ManagedIdentity", CLIENT_ID: ID}
    connection, problems = read_storage_connection({**IDENTITY, **more})
    assert problems == []
    assert connection == StorageConnection(
        blob_service_uri=IDENTITY[BLOB_URI],
        queue_service_uri=IDENTITY[QUEUE_URI],
        credential="ManagedIdentity",
        client_id=ID,
    )


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        (BLOB_URI, "account.blob.core.windows.net", "it does not begin with https://"),
        (BLOB_URI, "http://account.blob.core.windows.net", "a token travels over https only"),
        (BLOB_URI, "http://127.0.0.1:10000/devstoreaccount1", "a token travels over https only"),
        (BLOB_URI, "https://account.blob.core.windows.net/documents", "it has a path"),
        (BLOB_URI, "https://blobs.contoso.com/documents", "it has a path"),
        (QUEUE_URI, "https://account.blob.core.windows.net", "it is the address of the blob service"),
        (QUEUE_URI, "https://other.queue.core.windows.net", "different storage accounts"),
        (QUEUE_URI, "https://account.queue.core.windows.net:70000", "not a number from 1 to 65535"),
        (CREDENTIAL, "key", "expected is managedidentity, or nothing"),
        (CLIENT_ID, "id-entity-drop", "the client id of a managed identity"),
    ],
)
def test_wrong_identity_part_is_refused(name: str, text: str, reason: str) -> None:
    (problem,) = read_storage_connection({**IDENTITY, name: text})[1]
    assert reason in problem


def test_address_with_signature_is_not_shown() -> None:
    (problem,) = read_storage_connection({**IDENTITY, BLOB_URI: f"https://account.blob.core.windows.net/?{SAS}"})[1]
    assert "value not shown" in problem and "it has a query" in problem
    assert "c2VjcmV0" not in problem


@pytest.mark.parametrize("absent", [BLOB_URI, QUEUE_URI])
def test_one_address_alone_is_not_enough(absent: str) -> None:
    assert read_storage_connection({**IDENTITY, absent: ""})[1] == [
        f"{absent} is missing: the identity form needs the blob and the queue address."
    ]


def test_missing_storage_names_both_forms() -> None:
    (problem,) = read_storage_connection({NAME: "  "})[1]
    assert "connection string" in problem and BLOB_URI in problem


def test_both_forms_at_once_are_refused() -> None:
    (problem,) = read_storage_connection({NAME: KEYED, CLIENT_ID: ID})[1]
    assert problem.startswith(f"{NAME} and {CLIENT_ID} are both set")
