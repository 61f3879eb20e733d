"""From photographs to a table and a report, in ten lines."""

import facedeblur as fd
from facedeblur.generators.portraits import write_portraits

made = fd.build("shen2020", write_portraits("example/photographs"), "example/set")
runs = [fd.run(method, made, f"example/outputs/{method}") for method in ("blurred", "unsharp")]
scores = fd.score(made, runs, metrics=["psnr", "ssim"])
print(scores[1].frame.groupby("kernel_size")["psnr[rgb,255]"].mean())
print(fd.leaderboard(scores).T)
print(fd.report(scores, "example/report.html"))
