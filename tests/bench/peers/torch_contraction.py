"""PyTorch's matrix product: python3 torch_contraction.py THREADS REPEATS N... Prints one line of JSON."""
import json, sys, time
import torch

threads, repeats, *sizes = map(int, sys.argv[1:])
torch.set_num_threads(threads)
results = []
for n in sizes:
    i = torch.arange(n * n)
    x, y = (((i * 7 + seed) % 13 / 13 - 0.5).view(n, n) for seed in (1, 5))
    z, times = torch.empty(n, n), []
    for k in range(repeats + 3):
        start = time.perf_counter()
        torch.mm(x, y, out=z)
        if k >= 3:
            times.append((time.perf_counter() - start) * 1e3)
    results.append({"n": n, "milliseconds": times})
print(json.dumps({"version": torch.__version__, "results": results}))
