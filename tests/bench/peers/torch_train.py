"""PyTorch's training step: python3 torch_train.py FOLDER SIZE THREADS REPEATS. Prints one line of JSON."""
import json, sys, time
import numpy as np
import torch

folder, size, threads, repeats = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
torch.set_num_threads(threads)
c = json.load(open(f"{folder}/{size}.json"))
flat = np.fromfile(f"{folder}/{size}.f32", dtype=np.float32)
p, at = {}, 0
for q in c["parameters"]:
    n = int(np.prod(q["shape"]))
    p[q["name"]] = torch.from_numpy(flat[at:at + n].reshape(q["shape"]).copy()).requires_grad_(True)
    at += n
rows = torch.from_numpy(np.fromfile(f"{folder}/{size}.i32", dtype=np.int32).astype(np.int64).reshape(c["batch"], -1))
x, y = rows[:, :-1].contiguous(), rows[:, 1:].contiguous()
B, T, H = c["batch"], c["time"], c["heads"]
D = c["model"] // H

angle = torch.outer(torch.arange(T, dtype=torch.float64), c["theta"] ** (-torch.arange(0, D, 2, dtype=torch.float64) / D))
cos, sin = angle.cos().float()[:, None], angle.sin().float()[:, None]
mask = torch.full((T, T), float("-inf")).triu(1)


def rope(v):
    a, b = v[..., 0::2], v[..., 1::2]
    return torch.stack((a * cos - b * sin, b * cos + a * sin), -1).flatten(-2)


def norm(v, w):
    return v * torch.rsqrt(v.square().mean(-1, keepdim=True) + c["epsilon"]) * w


def loss():
    h = torch.nn.functional.embedding(x, p["embedding"])
    for i in range(c["layers"]):
        n = norm(h, p[f"{i}.attentionNorm"])
        q, k, v = ((n @ p[f"{i}.{name}"]).view(B, T, H, D) for name in ("query", "key", "value"))
        q, k, v = rope(q).transpose(1, 2), rope(k).transpose(1, 2), v.transpose(1, 2)
        w = torch.softmax(q @ k.transpose(2, 3) / D ** 0.5 + mask, -1)
        h = h + (w @ v).transpose(1, 2).reshape(B, T, -1) @ p[f"{i}.output"]
        n = norm(h, p[f"{i}.feedNorm"])
        h = h + (torch.nn.functional.silu(n @ p[f"{i}.gate"]) * (n @ p[f"{i}.up"])) @ p[f"{i}.down"]
    logits = norm(h, p["norm"]) @ p["head"]
    return torch.nn.functional.cross_entropy(logits.view(B * T, -1), y.view(-1))


a = c["adam"]
optimiser = torch.optim.Adam(list(p.values()), lr=a["rate"], betas=(a["beta1"], a["beta2"]), eps=a["epsilon"])
losses, times = [], []
for _ in range(repeats):
    start = time.perf_counter()
    optimiser.zero_grad(set_to_none=True)
    value = loss()
    value.backward()
    optimiser.step()
    losses.append(value.item())
    times.append((time.perf_counter() - start) * 1e3)
print(json.dumps({"version": torch.__version__, "losses": losses, "milliseconds": times}))
