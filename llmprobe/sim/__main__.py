"""The simulator's process: `python -m llmprobe.sim sim:PRESET`, started by `launch` and by nobody else."""

import sys

from llmprobe.sim.process import main

if __name__ == "__main__":
    main(sys.argv[1])
