import pytest

from roost_cloud.objects.errors import BadKeyError
from roost_cloud.objects.keys import MAX_KEY_CHARS, build_key, check_key, check_prefix, tenant_of


@pytest.mark.parametrize(
    "key", ["acme/blobs/x", "a/b/c/d/e", "acme.2/uploads/0a=b_c-d.tar", "acme/_x/Y", "acme/b/" + "x" * 128]
)
def test_a_key_begins_with_its_tenant(key: str) -> None:
    assert check_key(key) == key
    assert tenant_of(key) == key.split("/", maxsplit=1)[0]


@pytest.mark.parametrize(
    "key",
    [
        "",
        "acme",
        "acme/blobs",
        "acme/blobs/",
        "/acme/blobs/x",
        "acme//blobs/x",
        "acme/blobs//x",
        "acme/blobs/..",
        "acme/../zeta/x",
        "../acme/blobs/x",
        "acme/./blobs/x",
        "acme/.staging/x",
        ".staging/incoming/x",
        "-x/blobs/x",
        "ACME/blobs/x",
        "acme/blobs/x y",
        "acme/blobs/x\n",
        "acme/blobs/x\0",
        "acme/blobs/é",
        "acme/blobs/x%2F..",
        "acme/blobs\\x/y",
        "acme/blobs/" + "x" * 129,
        "acme/" + "x/" * MAX_KEY_CHARS + "x",
    ],
)
def test_anything_else_is_no_key(key: str) -> None:
    with pytest.raises(BadKeyError):
        check_key(key)


def test_a_key_is_built_of_levels_that_are_each_one() -> None:
    assert build_key("acme", "blobs", "sha256", "0a") == "acme/blobs/sha256/0a"
    for levels in (("a/b",), ("..",), ("",), ("x", "../y")):
        with pytest.raises(BadKeyError):
            build_key("acme", "blobs", *levels)
    for tenant, kind in (("acme/../zeta", "blobs"), ("acme", "blobs/x"), ("", "blobs")):
        with pytest.raises(BadKeyError):
            build_key(tenant, kind, "x")


@pytest.mark.parametrize("prefix", ["acme/", "acme/blobs/", "acme/blobs/sha256/"])
def test_a_prefix_is_whole_levels(prefix: str) -> None:
    assert check_prefix(prefix) == prefix


@pytest.mark.parametrize("prefix", ["", "/", "acme", "acme/blobs", "acme/../", "../", "acme//", ".staging/"])
def test_a_prefix_never_reaches_into_another_tenant(prefix: str) -> None:
    with pytest.raises(BadKeyError):
        check_prefix(prefix)
