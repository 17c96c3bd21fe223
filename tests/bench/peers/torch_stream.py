"""PyTorch's passes over memory: python3 torch_stream.py THREADS REPEATS. Prints one line of JSON."""
import json, sys, time
import torch

threads, repeats = int(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(threads)
n, rows, columns = 1 << 24, 4096, 1024
x, y, z = torch.ones(n), torch.ones(n), torch.empty(n)
s, out = (torch.arange(rows * columns) % 13 / 13).view(rows, columns), torch.empty(rows, columns)
cases = {
    "copy": lambda: z.copy_(x),
    "multiply-add": lambda: torch.add(x, y, alpha=2, out=z),
    "sum": lambda: x.sum(),
    "softmax": lambda: torch.softmax(s, -1, out=out),
}
results = []
for name, run in cases.items():
    times = []
    for k in range(repeats + 2):
        start = time.perf_counter()
        run()
        if k >= 2:
            times.append((time.perf_counter() - start) * 1e3)
    results.append({"name": name, "milliseconds": times})
print(json.dumps({"version": torch.__version__, "results": results}))
