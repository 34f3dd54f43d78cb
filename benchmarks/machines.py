"""Hear on two machines, take one away while it hears, and compare with a build without Ray.

    sudo .venv/bin/python benchmarks/machines.py --files 600

Linux, as root, with `.[ray]` and iproute2. A machine is a network namespace with processes, a
loopback and a /tmp/ray of its own; a cable joins both. The cable is pulled and every process of
the second machine killed with SIGKILL, its raylet too; --plugged leaves the cable in, so that its
connections are closed. Exit code 1 if a row differs.
"""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from libraries import contents, differences, make_sounds

NAMES = ("sonorize-1", "sonorize-2")
ADDRESSES = ("10.77.0.1", "10.77.0.2")
CORES = 2  # of each machine: one worker
SONORIZE = f"{sys.executable} -c 'from query.cli.main import main; main()'"
RAY = f"{Path(sys.executable).with_name('ray')} start --num-cpus {CORES} --disable-usage-stats"
JOIN = f"until {RAY} --address {ADDRESSES[0]}:6379 --node-ip-address {ADDRESSES[1]}; do :; done"
HEAD = f"{RAY} --head --include-dashboard false --port 6379 --node-ip-address {ADDRESSES[0]}"


def ip(words: str) -> str:
    return subprocess.run(["ip", *words.split()], check=True, capture_output=True, text=True).stdout


def cable(stack: ExitStack) -> None:
    """Two namespaces and what joins them."""
    for name in NAMES:
        ip(f"netns add {name}")
        stack.callback(ip, f"netns delete {name}")
    ip(f"link add eth0 netns {NAMES[0]} type veth peer name eth0 netns {NAMES[1]}")
    for name, address in zip(NAMES, ADDRESSES, strict=True):
        ip(f"-n {name} address add {address}/24 dev eth0")
        ip(f"-n {name} link set eth0 up")
        ip(f"-n {name} link set lo up")


def machine(stack: ExitStack, name: str, script: str, log: Path) -> subprocess.Popen[bytes]:
    """Runs a script on a machine, which goes down with it."""
    own = "unshare --pid --mount --uts --fork --kill-child=KILL --mount-proc sh -c"
    begin = f"hostname {name}; mkdir -p /tmp/ray; mount -t tmpfs tmpfs /tmp/ray; {script}"
    command = ["ip", "netns", "exec", name, *own.split(), begin]
    process = subprocess.Popen(command, stdout=log.open("wb"), stderr=subprocess.STDOUT)
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def hears(name: str) -> bool:
    """Whether a worker of this machine is at it."""
    titles = (Path("/proc", pid, "cmdline") for pid in ip(f"netns pids {name}").split())
    return any(path.read_bytes().startswith(b"ray::Worker.hear") for path in titles)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", default="toy")
    parser.add_argument("--files", type=int, default=600)
    parser.add_argument("--plugged", action="store_true", help="kill it with its cable in")
    asked = parser.parse_args()
    os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        base = Path(folder)
        make_sounds(base / "sounds", asked.files)
        build = f"{SONORIZE} build-index {base}/sounds --encoder {asked.encoder} --library {base}"
        subprocess.run(f"{build}/alone", shell=True, capture_output=True)
        cable(stack)
        begin = f"{HEAD} && until [ -e {base}/joined ]; do sleep .1; done"
        script = f"{begin}; time -p {build}/cluster --ray auto"
        first = machine(stack, NAMES[0], script, base / "first.log")
        script = f"{JOIN}; touch {base}/joined; sleep infinity"
        second = machine(stack, NAMES[1], script, base / "second.log")
        while first.poll() is None and not hears(NAMES[1]):
            time.sleep(0.05)
        if first.poll() is None:
            if not asked.plugged:
                ip(f"-n {NAMES[1]} link set eth0 down")
            second.kill()
        killed = time.monotonic()
        code = first.wait()
        said = (base / "first.log").read_text().splitlines()
        print(*(line for line in said if code not in (0, 3) or " added, " in line), sep="\n")
        print(f"exit code {code}, {time.monotonic() - killed:.0f} s after the second was killed")
        wrong, lowest = differences(contents(base / "alone"), contents(base / "cluster"))
        print(f"differs: {wrong}; lowest cosine between vectors of one place: {lowest:.7f}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
