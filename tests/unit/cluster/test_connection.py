"""Which schedulers may be reached, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from nanotyped.cluster import Cluster, ClusterSecurity, check_scheduler
from nanotyped.errors import ClusterError
from tests.support.cluster_nodes import Numbers, OnlyMultiples

if TYPE_CHECKING:
    from pathlib import Path

FILES = ClusterSecurity(tls_ca="ca.pem", tls_cert="cert.pem", tls_key="key.pem")
NO_ADDRESS = "`{}` is no address of a scheduler, as tcp://127.0.0.1:8786 or tls://HOST:8786 is"
ELSEWHERE = (
    "{} is on another machine, and what is sent there can be read and changed on the way; use tls:// with `security`"
)


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:8786", "tcp://127.8.9.10:1", "tcp://localhost:8786", "tcp://[::1]:8786"]
)
def test_this_machine_is_reached_without_tls(address: str) -> None:
    """Whatever its loopback is called."""
    assert check_scheduler(address, None) == ""


@pytest.mark.parametrize(
    "address",
    [
        "tcp://10.0.0.1:8786",
        "tcp://0.0.0.0:8786",
        "tcp://scheduler.example:8786",
        "tcp://localhost.example:8786",
        "tcp://[2001:db8::1]:8786",
        "tcp://127.0.0.1.example:8786",
    ],
)
def test_other_machines_demand_tls(address: str) -> None:
    """A name that is not `localhost` is one of another machine, whatever it resolves to."""
    assert check_scheduler(address, None) == ELSEWHERE.format(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:8786",
        "http://127.0.0.1:8786",
        "tcp://127.0.0.1",
        "tcp://:8786",
        "tcp://127.0.0.1:x",
        "inproc://a/1/2",
        "",
    ],
)
def test_what_is_no_address_is_told(address: str) -> None:
    """With the form of those that are."""
    assert check_scheduler(address, None) == NO_ADDRESS.format(address)
    assert check_scheduler(address, FILES) == NO_ADDRESS.format(address)


def test_tls_goes_with_its_files_and_nothing_else_does(tmp_path: Path) -> None:
    """All three are needed, each is looked for before anything is connected, and a plain address takes none."""
    address = "tls://scheduler.example:8786"
    assert check_scheduler(address, FILES) == ""
    assert check_scheduler(address, None) == f"{address} needs the files of `security`: tls_ca, tls_cert and tls_key"
    assert check_scheduler("tcp://127.0.0.1:8786", FILES) == (
        "tcp://127.0.0.1:8786 is reached without TLS, and `security` is given; its address begins with tls:// then"
    )
    there = tmp_path / "ca.pem"
    there.touch()
    with pytest.raises(ClusterError) as caught:
        Cluster(address, None, ClusterSecurity(tls_ca=str(there), tls_cert="no.pem", tls_key=f"{tmp_path}/key.pem"))
    assert str(caught.value) == f"security: there is no file tls_cert `no.pem`, tls_key `{tmp_path}/key.pem`"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"workers": 0}, "workers must be at least 1, not 0"),
        ({"scheduler": "tcp://10.0.0.1:8786"}, ELSEWHERE.format("tcp://10.0.0.1:8786")),
        ({"scheduler": "here"}, NO_ADDRESS.format("here")),
    ],
)
def test_a_run_refuses_what_it_cannot_reach_before_it_starts_anything(options: Any, words: str) -> None:
    """From Python too."""
    source = Numbers(10)
    _ = source > OnlyMultiples(1)
    with pytest.raises(ClusterError) as caught:
        source.run(engine="dask", **options)
    assert str(caught.value) == words


def test_options_of_the_other_engine_are_refused() -> None:
    """Nobody believes that threads are a cluster, or that `security` is a path."""
    source = Numbers(10)
    _ = source > OnlyMultiples(1)
    with pytest.raises(ValueError, match=r'^workers, modules goes with engine="dask"$'):
        source.run(workers=2, modules=["m"])
    engine: Any = "spark"
    with pytest.raises(ValueError, match=r"^engine must be threads or dask, not 'spark'$"):
        source.run(engine=engine)
    with pytest.raises(TypeError, match=r"^security must be of class ClusterSecurity, not 'ca.pem'$"):
        source.run(engine="dask", security="ca.pem")
