from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from github_simulator.control_client import ControlFailedError
from github_simulator.process import SimulatorFailedError, SimulatorProcess

SEED = {
    "users": [{"login": "alice"}],
    "apps": [{"slug": "acme-bot", "installation_token_life": 60}],
    "installations": [{"app": "acme-bot", "account": "acme", "repositories": ["website"]}],
    "sign_ins": [{"app": "acme-bot", "user": "alice"}],
}


def test_it_ends_with_its_context() -> None:
    with SimulatorProcess() as simulator:
        process = psutil.Process(simulator.pid)
        assert process.is_running()
    assert not process.is_running()


def test_it_ends_when_its_starter_dies() -> None:
    program = (
        "import sys, time; from github_simulator.process import SimulatorProcess; "
        "s = SimulatorProcess(); s.start(); print(s.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        simulator = psutil.Process(int(starter.stdout.readline()))
        starter.kill()
        starter.wait()
        psutil.wait_procs([simulator], timeout=30)
        assert not simulator.is_running() or simulator.status() == psutil.STATUS_ZOMBIE


def test_a_simulator_that_cannot_start_is_reported(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SimulatorFailedError), SimulatorProcess("--speed=-1"):
        pass
    assert "`speed` must be 0 or more" in capfd.readouterr().err


def test_with_tls_only_its_own_ca_vouches_for_it() -> None:
    with SimulatorProcess("--tls") as simulator:
        assert simulator.api_url.startswith("https://")
        assert simulator.ca is not None
        context = ssl.create_default_context(cadata=simulator.ca)
        with httpx.Client(verify=context, trust_env=False) as client:
            assert client.get(f"{simulator.api_url}/rate_limit").status_code == 200
            simulator.control.fail("rate_limit", drop=True, when="after")
            with pytest.raises(httpx.RemoteProtocolError):
                client.get(f"{simulator.api_url}/rate_limit")
        with httpx.Client(trust_env=False) as stranger, pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY"):
            stranger.get(f"{simulator.api_url}/rate_limit")


def test_it_starts_with_the_state_and_clock_that_it_is_given(tmp_path: Path) -> None:
    seed, port_file = tmp_path / "seed.json", tmp_path / "addresses.json"
    seed.write_text(json.dumps(SEED))
    arguments = [f"--seed={seed}", f"--port-file={port_file}", "--clock-offset=600", "--latency=0.01"]
    with SimulatorProcess(*arguments) as simulator:
        assert json.loads(port_file.read_text())["api_url"] == simulator.api_url
        clock = simulator.control.clock()
        assert 599 < clock.offset < 601
        assert simulator.control.settings()["latency"] == 0.01
        assert simulator.control.ledger().live() == 1


def test_run_alone_it_prints_what_it_was_seeded_with_and_ends_on_sigint() -> None:
    command = [sys.executable, "-m", "github_simulator", "--seed", "demo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        heads = [process.stdout.readline().split("  ")[0] for _ in range(3)]
        assert heads == ["REST API", "web host", "control API"]
        document = ""
        while not document.endswith("\n}\n"):
            document += process.stdout.readline()
        made = json.loads(document)
        assert made["apps"][0]["private_key"].startswith("-----BEGIN RSA PRIVATE KEY-----")
        assert made["sign_ins"][0]["refresh_token"].startswith("ghr_")
        os.kill(process.pid, signal.SIGINT)
        assert process.wait() == 0


def test_the_control_api_says_what_must_be() -> None:
    with SimulatorProcess() as simulator:
        github = simulator.control
        app = github.create_app("once")
        with pytest.raises(ControlFailedError, match="`slug` must be new"):
            github.create_app("once")
        with pytest.raises(ControlFailedError, match="`colour` must be one of"):
            github.change_app(app, colour="red")
        with pytest.raises(ControlFailedError, match="the fault must have known fields"):
            github.fail("mint", colour="red")
        with pytest.raises(ControlFailedError, match="`sha256` must be a SHA-256"):
            github.token("ghu_not_a_hash")
        with pytest.raises(ControlFailedError, match="`speed` must be 0 or more"):
            github.clock(speed=-1)
        with pytest.raises(ControlFailedError, match="`user_code` must be that of a running device flow"):
            github.deny("XXXX-XXXX")


def test_only_the_two_hosts_are_reached_from_outside() -> None:
    with SimulatorProcess("--bind=0.0.0.0", "--host-name=localhost") as simulator:
        assert simulator.api_url.startswith("http://localhost:")
        assert simulator.addresses.control_url.startswith("http://127.0.0.1:")
        addresses = {
            found.laddr.ip for found in psutil.Process(simulator.pid).net_connections() if found.status == "LISTEN"
        }
        assert addresses == {"0.0.0.0", "127.0.0.1"}  # noqa: S104 - what it was told


def test_a_wrong_certificate_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SimulatorFailedError), SimulatorProcess(f"--tls-cert={tmp_path / 'missing.pem'}"):
        pass
    assert "`--tls-cert` must be a PEM file with a certificate and its key" in capfd.readouterr().err


def test_an_app_may_have_a_given_id_once() -> None:
    with SimulatorProcess() as simulator:
        assert simulator.control.create_app("one", id=7).id == 7
        with pytest.raises(ControlFailedError, match="`id` must be a new whole number above 0"):
            simulator.control.create_app("two", id=7)


def test_the_check_of_helm_test_says_why_a_token_is_not_accepted(tmp_path: Path) -> None:
    with SimulatorProcess() as simulator:
        for content, code, said in (
            ("ghs_made_up", 1, "is not accepted: HTTP Error 401"),
            (None, 1, "is not accepted: [Errno 2]"),
        ):
            file = tmp_path / "token"
            file.unlink(missing_ok=True)
            if content is not None:
                file.write_text(content)
            command = [sys.executable, "-m", "github_simulator.check"]
            command += [f"--api-url={simulator.api_url}", f"--token-file={file}"]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
            assert (done.returncode, said in done.stderr) == (code, True), done.stderr
