"""A GitHub that runs on this machine: its token endpoints, its rules, its faults and its clock.

The simulator exists to prove software that handles GitHub tokens. It is faithful in what such software sees on the
wire and counts what such software must never do, above all present a single-use refresh token twice.
`docs/simulator.md` is the manual.

The layers, from the inside out:

* pure rules on state in memory, with the time as an argument: `model`, `state`, `tokens`, `jwt_check`, `installations`,
  `oauth`, `authentication`, `rate_limits`, `faults`, `spends`, `ledger`, `documents`;
* the web layer on aiohttp: `exchange` (what every request goes through), `api`, `web_host`, `control`, `server`;
* for those who use it from another process: `process` starts one, `control_client` speaks to it.
"""
