"""Names of images, short and whole."""

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import references
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.references import Reference


@pytest.mark.parametrize(
    ("text", "whole", "familiar"),
    [
        ("busybox", "docker.io library/busybox latest", "busybox:latest"),
        ("busybox:1.36", "docker.io library/busybox 1.36", "busybox:1.36"),
        ("docker.io/library/busybox", "docker.io library/busybox latest", "busybox:latest"),
        ("index.docker.io/team/app:V1", "docker.io team/app V1", "team/app:V1"),
        ("docker.io/library/a/b", "docker.io library/a/b latest", "library/a/b:latest"),
        ("quay.io/team/app", "quay.io team/app latest", "quay.io/team/app:latest"),
        ("localhost/app:1", "localhost app 1", "localhost/app:1"),
        ("localhost:5000/a/b__c:1", "localhost:5000 a/b__c 1", "localhost:5000/a/b__c:1"),
    ],
)
def test_what_is_left_out_is_added(text: str, whole: str, familiar: str) -> None:
    found = references.parse(text)
    assert found == Reference(*whole.split())
    assert found.familiar == familiar
    assert references.parse(familiar) == found


@pytest.mark.parametrize(
    "text",
    [
        *("", ":1", "/x", "x:", "X", "a b", "a//b", "../x", "a/../b", "quay.io/../x", "x:../y"),
        *("x@sha256:0", "../../etc/x.y:1", "a\nb", "x;y", "..:1/x", "-.x/y", f"x:{'t' * 129}"),
    ],
)
def test_names_that_no_image_can_have(text: str) -> None:
    with pytest.raises(LabError, match="No image can be called") as refused:
        references.parse(text)
    assert refused.value.kind is Kind.INPUT


def test_the_lab_s_own_names_are_taken_in_every_registry() -> None:
    taken = ["library/nginx:latest"]
    references.require_free(references.parse("nginx:1.25"), taken)
    for name in ("nginx", "quay.io/library/nginx"):
        with pytest.raises(LabError, match="of its own") as refused:
            references.require_free(references.parse(name), taken)
        assert refused.value.kind is Kind.INPUT
