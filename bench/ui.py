"""The part of bench/run about the dashboard: what its first page loads, and how fast it shows and draws in Debian's Chromium."""
import json, os, subprocess

from __main__ import REKINDLE, ROOT, figure, step

# What is measured (ui/tests/bench.ts), its unit, what it must be and what it aims at.
BOUNDS = {
    "first load": ("dashboard: first load, script and style, gzip", "kB", 350, 220),
    "fleet, first paint": ("dashboard: fleet of 5,000 stacks, first paint", "s", 1.5, 0.7),
    "fleet, keystroke to paint": ("dashboard: fleet of 5,000 stacks, filter keystroke to paint", "ms", 100, 30),
    "timeline, frame": ("dashboard: timeline with 50,000 marks, frame while zooming", "ms", 32, 16),
}


def dashboard(_):
    step("the dashboard in a browser")
    environment = {**os.environ, "REKINDLE": str(REKINDLE)}
    done = subprocess.run(["npm", "run", "--silent", "bench"], cwd=ROOT / "ui", env=environment, check=True, text=True, stdout=subprocess.PIPE)
    lines = [line.split("BENCH ", 1)[1] for line in done.stdout.splitlines() if "BENCH {" in line]
    measured = {one["figure"]: one for one in map(json.loads, lines)}
    for name, (words, unit, must, aim) in BOUNDS.items():
        figure(words, measured[name]["value"], unit, must, aim, measured[name]["note"])
