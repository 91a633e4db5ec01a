"""Serve the hub: `python app.py`, the same as `latenthub serve` with what the environment says.

A Space that `latenthub space` makes has an app.py of its own, which does the same.
"""

from hub.launch import main

if __name__ == "__main__":
    main()
