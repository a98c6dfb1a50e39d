"""`python -m github_simulator`: a GitHub for tests, on loopback unless told otherwise, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from dataclasses import asdict, fields
from pathlib import Path

from github_simulator.clock import VirtualClock
from github_simulator.errors import ControlError
from github_simulator.seed import DEMO, plant
from github_simulator.server import HOST, Options, Server
from github_simulator.simulation import Settings, Simulation


def main() -> int:
    """Parse the command line and run; returns the exit code."""
    arguments = _parser().parse_args()
    try:
        asyncio.run(_run(arguments))
    except (ControlError, OSError, ValueError) as error:
        sys.stderr.write(f"github_simulator: {error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m github_simulator", description="A GitHub for tests.")
    parser.add_argument("--api-port", type=int, default=0, help="port of the REST API (default: any free one)")
    parser.add_argument("--web-port", type=int, default=0, help="port of the web host (default: any free one)")
    parser.add_argument("--control-port", type=int, default=0, help="port of the control API (default: any free one)")
    parser.add_argument("--combined", action="store_true", help="serve the web host on the API's port, too")
    parser.add_argument("--ghes", action="store_true", help="be a GitHub Enterprise Server: /api/v3, classic tokens")
    parser.add_argument("--tls", action="store_true", help="serve https with a certificate of a CA of its own")
    parser.add_argument("--client-ca", type=Path, metavar="FILE", help="demand client certificates of this CA (PEM)")
    parser.add_argument(
        "--tls-cert",
        dest="certificate",
        type=Path,
        metavar="FILE",
        help="serve https with the certificate and key of this PEM file",
    )
    parser.add_argument("--host-name", default=HOST, help=f"name in the addresses (default: {HOST})")
    parser.add_argument(
        "--bind", default=HOST, help=f"address to listen on (default: {HOST}); the control API stays on loopback"
    )
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that every request takes at least")
    parser.add_argument("--clock-offset", type=float, default=0.0, help="seconds ahead of the machine's clock")
    parser.add_argument("--speed", type=float, default=1.0, help="virtual seconds per real second; 0 stops the clock")
    parser.add_argument(
        "--seed", metavar="FILE", help="start with what this JSON file says; `demo` for a small example"
    )
    parser.add_argument("--port-file", type=Path, metavar="FILE", help="write the addresses to this file, as JSON")
    parser.add_argument("--json", action="store_true", help="print the addresses as one line of JSON")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when stdin closes")
    return parser


async def _run(arguments: argparse.Namespace) -> None:
    clock = VirtualClock()
    clock.set_offset(arguments.clock_offset)
    clock.run_at(arguments.speed)
    simulation = Simulation(ghes=arguments.ghes, clock=clock)
    simulation.apply(Settings(latency=arguments.latency))
    options = Options(**{field.name: getattr(arguments, field.name) for field in fields(Options)})
    made = None
    if arguments.seed:
        seed = DEMO if arguments.seed == "demo" else json.loads(await asyncio.to_thread(Path(arguments.seed).read_text))
        made = plant(simulation, seed)
    # Before the first line is printed: whoever reads it may end us at once.
    ended = _end_of_use(until_stdin_closes=arguments.until_stdin_closes)
    async with Server(options, simulation) as server:
        told = asdict(server.addresses)
        if arguments.port_file:
            await asyncio.to_thread(_replace, arguments.port_file, json.dumps(told))
        _say(told, as_json=arguments.json)
        if made is not None and not arguments.json:
            _write(json.dumps(made, indent=2))
        await ended.wait()


def _say(addresses: dict[str, str | None], *, as_json: bool) -> None:
    if as_json:
        _write(json.dumps(addresses))
        return
    _write(f"REST API     {addresses['api_url']}")
    _write(f"web host     {addresses['web_url']}")
    _write(f"control API  {addresses['control_url']}")
    if addresses["ca"]:
        _write(addresses["ca"])


def _write(line: str) -> None:
    """Print at once, also into a pipe."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _replace(path: Path, text: str) -> None:
    """Write the file in one step, so that a reader never sees half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text)
    temporary.replace(path)


def _end_of_use(*, until_stdin_closes: bool) -> asyncio.Event:
    """Set by SIGINT or SIGTERM, or by the end of stdin: the sign that whoever started us is gone."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    if until_stdin_closes:
        loop.add_reader(sys.stdin.fileno(), lambda: ended.set() if not os.read(sys.stdin.fileno(), 4096) else None)
    return ended


if __name__ == "__main__":
    sys.exit(main())
