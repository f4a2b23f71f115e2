"""The name server of a lab's host."""

from __future__ import annotations

from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.names import listening

HEAD = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when\n"
SERVER = "  310: 0131A8C0:0035 00000000:0000 07 00000000:00000000\n"
CLIENT = "  311: 0131A8C0:9C41 0131A8C0:0035 01 00000000:00000000\n"


def test_a_server_of_names_is_told_from_one_that_asks_it() -> None:
    assert listening(HEAD + CLIENT + SERVER)
    assert not listening(HEAD + CLIENT)
    assert not listening(HEAD)
