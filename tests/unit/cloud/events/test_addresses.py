from typing import Final

import pytest

from roost_cloud.events.addresses import BadHookUrlError, check_url, may_reach, parse_networks

INTERNAL: Final = [
    "169.254.169.254",
    "127.0.0.1",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "2001:0:a9fe:a9fe::1",
    "no address",
    "",
]


@pytest.mark.parametrize("address", INTERNAL)
def test_what_is_not_of_the_public_internet_is_out_of_reach(address: str) -> None:
    assert not may_reach(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_the_public_internet_is_in_reach(address: str) -> None:
    assert may_reach(address)


def test_a_network_that_is_named_is_in_reach_and_its_neighbour_is_not() -> None:
    allowed = parse_networks(["10.1.0.0/16", "fd12::/16"])
    assert [
        may_reach(one, allowed) for one in ("10.1.2.3", "::ffff:10.1.2.3", "fd12::1", "10.2.0.1", "127.0.0.1")
    ] == [
        True,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("url", ["https://example.com/x?y=1", "https://example.com:8443", "https://[2606:2800::1]/"])
def test_a_webhook_may_have_it(url: str) -> None:
    assert check_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://example.com",
        "ftp://example.com",
        "https://",
        "https:///path",
        "https://user:secret@example.com/",
        "https://example.com/#part",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://[::1/",
        "https://example.com/a b",
        "https://example.com/\r\nHost: other",
        "https://exämple.com/",
        "https://example.com/" + 2000 * "x",
    ],
)
def test_a_webhook_may_not_have_it(url: str) -> None:
    with pytest.raises(BadHookUrlError):
        check_url(url)
