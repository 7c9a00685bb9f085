import pytest

from scheduler.services.encryption import WrongKey, decrypt, decrypt_values, encrypt, encrypt_values

OLD, NEW = "a" * 32, "b" * 32


def test_a_former_key_still_decrypts_what_it_encrypted():
    stored = encrypt([OLD], b"the link")

    assert b"the link" not in stored
    assert decrypt([NEW, OLD], stored) == b"the link"


@pytest.mark.parametrize("keys", [[NEW], []])
def test_without_the_key_it_cannot_be_read(keys):
    with pytest.raises(WrongKey):
        decrypt(keys, encrypt([OLD], b"the link"))


def test_altered_content_is_refused():
    stored = encrypt([OLD], b"the link")

    with pytest.raises(WrongKey):
        decrypt([OLD], stored[:-1] + bytes([stored[-1] ^ 1]))


def test_values_come_back_and_so_do_those_stored_in_clear_before():
    values = {"action_link": "https://clinic.example/é"}

    assert decrypt_values([OLD], encrypt_values([OLD], values)) == values
    assert decrypt_values([OLD], values) == values
    assert decrypt([OLD], b"From: clinic") == b"From: clinic"


@pytest.mark.parametrize("stored", ["not base64", "bm8="])
def test_values_that_cannot_be_read_are_refused(stored):
    with pytest.raises(WrongKey):
        decrypt_values([OLD], stored)
