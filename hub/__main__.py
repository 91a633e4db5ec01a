"""`python -m hub` is the command `latenthub`; `accelerate launch -m hub train …` needs a module."""

from hub.cli import main

if __name__ == "__main__":
    main()
