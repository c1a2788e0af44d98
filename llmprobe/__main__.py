"""`python -m llmprobe` is the `llmprobe` command."""

from llmprobe.cli.main import main

if __name__ == "__main__":
    main()
