"""Addresses of services: what is refused with which reason, and where an address leads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.addresses import Address, is_loopback, is_private, parse_address

PORT = "not a number from 1 to 65535"
HOST = "neither a host name nor an IP address"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://x.example", Address("https", "x.example", 443, "")),
        ("HTTPS://X.Example:443/", Address("https", "x.example", 443, "")),
        ("http://x.example:8080/a/b~c/", Address("http", "x.example", 8080, "/a/b~c")),
        ("http://[::1]:1", Address("http", "::1", 1, "")),
        ("http://[0:0:0:0:0:0:0:1]", Address("http", "::1", 80, "")),
        ("https://10.0.0.1:65535", Address("https", "10.0.0.1", 65535, "")),
    ],
)
def test_address_is_read(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "blanks, quotes"),
        ("x.example", "does not begin with https://"),
        ("//x.example", "does not begin with https://"),
        ("https:x.example", "does not begin with https://"),
        ("ftp://x.example", "does not begin with https://"),
        ("https:///path", "no host"),
        ("https://:443", "no host"),
        ("https://user@x.example", "a user name or a password"),
        ("https://user:word@x.example", "a user name or a password"),
        ("https://@x.example", "a user name or a password"),
        ("https://x.example?", "a query"),
        ("https://x.example/?a=b", "a query"),
        ("https://x.example#", "a fragment"),
        ("https://x.example:", PORT),
        ("https://x.example:0", PORT),
        ("https://x.example:70000", PORT),
        ("https://x.example:http", PORT),
        ("https://x.example:-1", PORT),
        ("https://x .example", "blanks, quotes"),
        ("https://x.example ", "blanks, quotes"),
        ("https://x.exa\nmple", "blanks, quotes"),
        ("https://x.exa\tmple", "blanks, quotes"),
        ('"https://x.example"', "blanks, quotes"),
        ("https://x.example\\path", "blanks, quotes"),
        ("https://<resource>.example", "a placeholder"),
        ("https://{resource}.example", "blanks, quotes"),
        ("https://bücher.example", "xn-- form"),
        ("https://x.example/%2e%2e/", "empty parts or characters"),
        ("https://[::1", "IPv6 address"),
        ("https://::1", PORT),
        ("https://[fe80::1%25eth0]", "IPv6 address"),
        ("https://[fe80::1%eth0]", "IPv6 address"),
        ("https://%78.example", HOST),
        ("https://[v1.x]", "IPv6 address"),
        ("https://[10.0.0.1]", "IPv6 address"),
        ("https://[x.example]", "IPv6 address"),
        ("https://x.example.", "ends with a dot"),
        ("https://.x.example", HOST),
        ("https://x..example", HOST),
        ("https://-x.example", HOST),
        ("https://x_y.example", HOST),
        ("https://*.example", HOST),
        (f"https://{'a' * 64}.example", HOST),
        (f"https://{'a.' * 127}example", HOST),
        ("https://256.1.1.1", HOST),
        ("https://127.1", HOST),
        ("https://2130706433", HOST),
        ("https://0x7f.0.0.1", HOST),
        ("https://0x7f000001", HOST),
        ("https://127.0.0.01", HOST),
        ("https://x.example/a//b", "empty parts"),
        ("https://x.example/a/../b", "'.' or '..'"),
        ("https://x.example/.", "'.' or '..'"),
        ("https://x.example/a;b", "empty parts or characters"),
    ],
)
def test_wrong_address_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match="it") as caught:
        parse_address(text)
    assert reason in str(caught.value)


@given(st.text(st.sampled_from("htps:/[]@?#.%-_aZ09\\ é\n<~"), max_size=30).map("https://".__add__))
def test_accepted_address_is_normalised(text: str) -> None:
    try:
        address = parse_address(text)
    except ValueError:
        return
    assert parse_address(str(address)) == address
    assert str(parse_address(str(address))) == str(address)
    assert not str(address).endswith("/")


@pytest.mark.parametrize(
    ("host", "loopback", "private"),
    [
        ("localhost", True, True),
        ("127.0.0.1", True, True),
        ("127.255.255.254", True, True),
        ("::1", True, True),
        ("::ffff:127.0.0.1", True, True),
        ("::ffff:10.1.2.3", False, True),
        ("::ffff:8.8.8.8", False, False),
        ("9.255.255.255", False, False),
        ("10.0.0.0", False, True),
        ("10.255.255.255", False, True),
        ("11.0.0.0", False, False),
        ("172.15.255.255", False, False),
        ("172.16.0.0", False, True),
        ("172.31.255.255", False, True),
        ("172.32.0.0", False, False),
        ("192.168.0.0", False, True),
        ("192.169.0.0", False, False),
        ("169.254.169.254", False, False),
        ("0.0.0.0", False, False),
        ("fbff::1", False, False),
        ("fc00::1", False, True),
        ("fdff::1", False, True),
        ("fe80::1", False, False),
        ("language", False, True),
        ("language.default.svc.cluster.local", False, True),
        ("host.docker.internal", False, True),
        ("nas.home.arpa", False, True),
        ("x.localhost", False, True),
        ("local.example", False, False),
        ("internal.contoso.com", False, False),
    ],
)
def test_where_host_is(host: str, loopback: bool, private: bool) -> None:
    assert is_loopback(host) is loopback
    assert is_private(host) is private
