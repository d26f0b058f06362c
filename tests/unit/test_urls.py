"""Which addresses callers may send us to: IANA's special-purpose registries, entry by entry."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bunraku.core.urls import FetchRefused, check_url, is_public

NOT_PUBLIC = [
    # iana-ipv4-special-registry
    "0.0.0.0", "0.1.2.3", "10.1.2.3", "100.64.0.1", "100.127.255.254", "127.0.0.1", "169.254.169.254",
    "172.16.0.1", "172.31.255.254", "192.0.0.1", "192.0.0.9", "192.0.0.170", "192.0.2.1", "192.88.99.1",
    "192.168.1.1", "198.18.0.1", "198.19.255.254", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "239.255.255.250", "240.0.0.1", "255.255.255.255",
    # iana-ipv6-special-registry
    "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1",
    "64:ff9b:1::1", "64:ff9b:1::808:808", "100::1", "100:0:0:1::1", "2001::1", "2001:1::1", "2001:2::1",
    "2001:3::1", "2001:4:112::1", "2001:10::1", "2001:20::1", "2001:30::1", "2001:db8::1", "2002:7f00:1::",
    "2002:a00:1::", "3fff::1", "3fff:fff::1", "5f00::1", "fc00::1", "fd12::1", "fe80::1", "fe80::1%eth0",
    # IPv4 in other dresses, and what was never given out
    "::127.0.0.1", "::8.8.8.8", "::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8", "fec0::1", "ff02::1", "4000::1",
    "8000::1", "200::1", "1::1",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.31.196.1",
    "192.52.193.1", "192.175.48.1", "198.17.255.255", "198.20.0.1", "223.255.255.254", "2606:4700::1111",
    "2a00:1450:4001::5", "2001:4860:4860::8888", "2620:4f:8000::1", "::ffff:8.8.8.8", "64:ff9b::808:808",
    "2002:808:808::1", "3ffe::1",
]  # fmt: skip


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_addresses_off_the_open_internet(address):
    assert not is_public(address)
    host = f"[{address}]" if ":" in address else address
    if "%" not in address:
        with pytest.raises(FetchRefused):
            check_url(f"http://{host}/a.wav", allow_private=False)
        check_url(f"http://{host}/a.wav", allow_private=True)


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_on_the_open_internet(address):
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_is_as_public_however_it_is_written(address):
    assert is_public(f"::ffff:{address}") == is_public(str(address))
    assert is_public(f"64:ff9b::{address}") == is_public(str(address))
    assert not is_public(f"::{address}")
    assert not is_public(f"64:ff9b:1::{address}")


@given(st.ip_addresses())
def test_public_means_neither_private_nor_local(address):
    if is_public(str(address)):
        assert not address.is_loopback
        assert not address.is_link_local
        assert not address.is_multicast
