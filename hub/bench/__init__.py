"""How the hub itself does beside plain Gradio: start-up, memory, what a call costs, many callers at
once, and minutes of mixed load.

What a demo's own `benchmark` measures is its model; this is about everything around the model. Each
module holds one benchmark. Servers and clients are processes of their own, ours and the peer run in
turns on the same machine, and the ratio of their medians is what counts: these machines are noisy.
"""

BENCHES = {  # name, which no demo may take -> the function that returns list[Bench]
    "startup": "hub.bench.startup:startup",
    "memory": "hub.bench.memory:memory",
    "overhead": "hub.bench.overhead:overhead",
    "throughput": "hub.bench.throughput:throughput",
    "soak": "hub.bench.soak:soak",
}
