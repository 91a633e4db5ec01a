"""Imports what is not there."""

import a_package_nobody_has  # noqa: F401

from hub import hookimpl  # noqa: F401
