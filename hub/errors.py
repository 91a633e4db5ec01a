"""The errors of the hub.

HubError                what somebody can mend; its text is one clear message, safe to show
├── PluginError         a plugin package breaks the contract
├── NotFoundError       no demo or endpoint of that name
├── InputError          a caller's argument is wrong: names it, what was found, what is allowed
│   └── AudioError      a file cannot be read as sound, or is too long
├── SettingsError       a setting of a recipe, the command line or the environment is wrong
├── DataError           a data set is missing or damaged
├── CheckpointError     a checkpoint is missing, damaged or of another kind
└── ServiceError        a model could not answer
    ├── BusyError         too much is waiting; try again later
    ├── CallTimeoutError  the call took longer than its endpoint allows
    ├── CallerGoneError   the caller hung up before the answer
    └── DeviceMemoryError the device has no room for the model or the call
"""

from __future__ import annotations


class HubError(Exception):
    """Base of all errors; the message tells what is wrong, where, what was found, what to do."""


class PluginError(HubError):
    """A plugin package breaks the contract of hub.hookspecs."""


class NotFoundError(HubError):
    """No demo or endpoint has that name."""


class InputError(HubError):
    """An argument is wrong; `argument` names it."""

    def __init__(self, message: str, argument: str | None = None) -> None:
        super().__init__(message)
        self.argument = argument


class AudioError(InputError):
    """A file is no sound that can be read; `reason` tells why, `str` names the file too."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name, self.reason = name, reason

    def __reduce__(self) -> tuple[type[AudioError], tuple[str, str]]:
        return AudioError, (self.name, self.reason)  # it crosses from one process to another


class SettingsError(HubError):
    """A setting of a recipe, the command line or the environment is unknown or out of range."""


class DataError(HubError):
    """A data set is missing or damaged."""


class CheckpointError(HubError):
    """A checkpoint is missing, damaged, newer than this hub, or another demo's."""


class ServiceError(HubError):
    """A model could not answer."""


class BusyError(ServiceError):
    """Too many calls are waiting."""


class CallTimeoutError(ServiceError):
    """A call took longer than its endpoint allows."""


class CallerGoneError(ServiceError):
    """The caller hung up before its answer was there."""


class DeviceMemoryError(ServiceError):
    """The device has no room for the model or the call."""
