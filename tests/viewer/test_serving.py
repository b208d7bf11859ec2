"""Ports, warnings and addresses: what happens before the first visitor comes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from deglare.cli import main
from deglare.errors import RequestError
from deglare_viewer.serving import Serving, address_of, open_port, serve, warnings_for

EVERY_ADDRESS = "0.0.0.0"  # noqa: S104


def test_where_a_port_is_taken_the_next_free_one_is_used() -> None:
    with open_port("127.0.0.1", 0) as first:
        taken = first.getsockname()[1]
        with open_port("127.0.0.1", taken) as second:
            assert taken < second.getsockname()[1] <= taken + 20


def test_zero_is_any_port() -> None:
    with open_port("127.0.0.1", 0) as door:
        assert address_of(door, "127.0.0.1") == f"http://127.0.0.1:{door.getsockname()[1]}/"
        assert address_of(door, EVERY_ADDRESS).startswith("http://127.0.0.1:")
        assert address_of(door, "::1").startswith("http://[::1]:")


@pytest.mark.parametrize(
    ("host", "port", "said"),
    [
        ("127.0.0.1", 70000, "no port 70000"),
        ("127.0.0.1", -1, "no port -1"),
        ("no.such.host.invalid", 0, "no address of this machine"),
        ("192.0.2.1", 0, "no port"),
    ],
)
def test_a_door_that_cannot_be_opened_is_a_sentence(host: str, port: int, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        open_port(host, port)


def test_on_this_machine_alone_nothing_is_warned_of() -> None:
    for host in ("127.0.0.1", "localhost", "::1"):
        assert warnings_for(Serving(host), "here") == []


def test_whoever_lets_others_in_is_told_what_they_can_do() -> None:
    (said,) = warnings_for(Serving(EVERY_ADDRESS), "here")
    assert "other machines" in said and "no password" in said and "may write" in said
    (said,) = warnings_for(Serving(EVERY_ADDRESS, password="x", is_read_only=True), "here")  # noqa: S106
    assert "the password is asked for" in said and "may write" not in said


def test_a_public_link_is_never_without_a_password_and_says_through_whom_it_goes() -> None:
    from deglare_viewer.serving import _with_password

    shared = _with_password(Serving(is_shared=True))
    assert shared.password is not None and len(shared.password) >= 12
    said = warnings_for(shared, "https://x.example")
    assert shared.password in said[0] and "servers of Gradio's makers" in said[1]


def test_a_name_that_is_no_run_ends_before_a_server_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["app", str(tmp_path / "nothing")]) == 2
    assert "no folder" in capsys.readouterr().err
    with pytest.raises(RequestError, match="holds none"):
        serve([tmp_path])


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent to a process of its own")
def test_the_command_serves_says_where_and_ends_cleanly_at_ctrl_c(glare: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    line = [sys.executable, "-m", "deglare", "app", str(glare), "--port", str(port), "--no-browser"]
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True, env={**os.environ, "MPLBACKEND": "Agg"}) as process:
        assert process.stderr is not None
        said = next(line for line in process.stderr if line.startswith("deglare runs at"))
        address = said.split()[3]
        with urllib.request.urlopen(f"{address}studio/runs", timeout=60) as answer:  # noqa: S310
            assert b'"glare"' in answer.read()
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(60) == 0
    assert rest.strip() == "deglare has stopped"
