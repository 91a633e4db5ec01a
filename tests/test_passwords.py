"""Passwords, and the command that makes a line of them."""

import pytest
from typer.testing import CliRunner

from hub import passwords
from hub.cli import app
from hub.errors import SettingsError


def test_a_password_fits_its_own_hash_only():
    kept = passwords.hashed("open: sesame")
    assert passwords.HASH.fullmatch(kept) and "sesame" not in kept
    assert passwords.fits("open: sesame", kept)
    assert not passwords.fits("open: Sesame", kept) and not passwords.fits("", kept)


def test_the_same_password_is_kept_differently_each_time():
    assert passwords.hashed("a") != passwords.hashed("a")


def test_the_command_prints_a_line_for_the_file(capsys):
    answer = CliRunner().invoke(app, ["password", "ann"], input="schön\n")
    user, _, kept = answer.stdout.strip().partition(":")
    assert user == "ann" and passwords.fits("schön", kept)


@pytest.mark.parametrize("user", ["", "a:b", "a,b", "#a", "a\nb"])
def test_a_user_is_a_name(user):
    answer = CliRunner().invoke(app, ["password", user], input="x\n")
    assert isinstance(answer.exception, SettingsError) and "a user is a name" in str(
        answer.exception
    )


def test_a_password_is_not_empty():
    answer = CliRunner().invoke(app, ["password", "ann"], input="\n")
    assert isinstance(answer.exception, SettingsError)
