"""Waits for something when it is imported."""

import time

time.sleep(3600)
