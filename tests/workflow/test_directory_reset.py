"""A reset of a directory's user, on a real Samba: every path of its states, and what each leaves behind."""

import pytest

from local.driver.directory import MUST_CHANGE, SIGNED_IN, WRONG_PASSWORD, Directory
from local.driver.product import Product

OLD_PASSWORD = "0ld-Passw0rd-of-the-user"
NEW_PASSWORD = "N3w-Passw0rd-of-the-user"


@pytest.fixture(scope="module")
def directory(product: Product) -> Directory:
    samba = product.cloud.directory
    assert samba is not None, "there is no directory"
    return Directory(samba)


def address(name: str) -> str:
    return f"{name}@corp.example.com"


def test_a_user_asks_confirms_claims_changes_and_signs_in(product: Product, directory: Directory) -> None:
    name = directory.create_user(OLD_PASSWORD)
    assert directory.sign_in(name, OLD_PASSWORD) == SIGNED_IN
    mail = address(name)
    assert product.request(name, account="directory").status_code == 202
    product.answer(product.wait_for_question(mail), "yes").raise_for_status()
    answer = product.claim(product.wait_for_link(mail)).json()
    password = answer["password"]
    assert answer["user"] == name
    assert directory.sign_in(name, password) == MUST_CHANGE
    assert directory.sign_in(name, OLD_PASSWORD) == WRONG_PASSWORD
    assert directory.change_password(name, password, NEW_PASSWORD)
    assert directory.sign_in(name, NEW_PASSWORD) == SIGNED_IN
    assert directory.sign_in(name, OLD_PASSWORD) == WRONG_PASSWORD
