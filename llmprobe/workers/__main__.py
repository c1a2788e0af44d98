"""The worker process: `python -m llmprobe.workers`, started by a pool and by nobody else."""

from llmprobe.workers.process import main

if __name__ == "__main__":
    main()
