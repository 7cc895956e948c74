"""Work handed out to processes: the same results whoever computes them, and whoever dies."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import pytest

from bphelpers import scale

CHUNKS = 8


def chunk(k: int) -> np.ndarray:
    return np.random.default_rng(k).normal(size=(50, 6)).astype(np.float32)


def gradient_sum(theta: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return (rows @ theta - 1) @ rows


def train(client, kills: tuple[int, ...] = (), updates: int = 12) -> np.ndarray:
    theta = np.zeros(6, np.float32)
    chunks = [client.submit(chunk, k) for k in range(CHUNKS)]
    for update in range(updates):
        tasks = [client.submit(gradient_sum, theta, one) for one in chunks]
        if update in kills:
            client.kill(update % 2 if isinstance(client, scale.OneProcess) else 0)
        theta = theta - np.float32(1e-3) * sum(client.gather(tasks))
    return theta


@pytest.fixture(scope="module")
def alone() -> np.ndarray:
    return train(scale.OneProcess(1))


@pytest.fixture(scope="module")
def two() -> Iterator[scale.Processes]:
    with scale.workers(2) as client:
        yield client


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and a.tobytes() == b.tobytes()


# --- without Dask ---


def test_one_process_does_each_task_once_in_the_order_of_the_tasks():
    done = []
    client = scale.OneProcess(2)
    a = client.submit(lambda: done.append("a") or 2)
    b = client.submit(lambda x, y: done.append("b") or x * y, a, 5)
    assert client.gather([b, a, b]) == [10, 2, 10] and done == ["a", "b"]


def test_one_process_forgets_what_a_killed_worker_held_and_does_it_again():
    done = []
    client = scale.OneProcess(2)
    tasks = [client.submit(lambda k=k: done.append(k) or k) for k in range(4)]
    client.gather(tasks)
    client.kill(1)
    assert client.gather(tasks) == [0, 1, 2, 3] and done == [0, 1, 2, 3, 1, 3]


@pytest.mark.parametrize("kills", [(), (0,), (3, 4, 11)])
def test_one_process_gives_the_same_bits_with_any_number_of_workers(alone, kills):
    for count in (1, 2, 3):
        assert same_bits(train(scale.OneProcess(count), kills if count > 1 else ()), alone)


def test_where_dask_is_missing_one_line_says_so(monkeypatch, capsys, alone):
    for name in ("dask", "distributed"):
        monkeypatch.setitem(sys.modules, name, None)
    with scale.workers(3) as client:
        assert isinstance(client, scale.OneProcess) and same_bits(train(client), alone)
    assert isinstance(scale.workers("tcp://127.0.0.1:8786"), scale.OneProcess)
    assert capsys.readouterr().out == f"{scale.MISSING}\n" * 2


@pytest.mark.parametrize("where", [0, -1, 2.0, True, None])
def test_a_number_of_workers_is_a_whole_number_above_0(where):
    with pytest.raises(ValueError, match="workers must be a whole number, at least 1"):
        scale.workers(where)


@pytest.mark.parametrize("worker", [-1, 2, 0.5])
def test_only_a_worker_that_is_there_can_be_killed(worker):
    with pytest.raises(ValueError, match="worker must be"):
        scale.OneProcess(2).kill(worker)


def test_importing_the_module_loads_no_dask():
    code = "import sys, bphelpers.scale; assert not {'dask', 'distributed', 'psutil'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# --- with Dask ---


def test_two_workers_share_the_work_in_processes_of_their_own(two):
    tasks = [two.submit(slow_pid, k) for k in range(6)]
    pids = set(two.gather(tasks))
    assert len(pids) == 2 and os.getpid() not in pids
    assert set(two.gather([two.submit(blas_threads) for _ in range(4)])) == {"1"}


def slow_pid(_: int) -> int:
    time.sleep(0.2)
    return os.getpid()


def blas_threads() -> str | None:
    return os.environ.get("OPENBLAS_NUM_THREADS")


def fail() -> None:
    raise ArithmeticError("on purpose")


def test_what_a_task_raises_is_raised_where_it_is_gathered(two):
    for client in (two, scale.OneProcess(2)):
        task = client.submit(fail)
        with pytest.raises(ArithmeticError, match="on purpose"):
            client.gather([task])


def test_a_call_is_made_anew_each_time(two):
    """Nothing is remembered from an equal call: a draw is drawn again."""
    first, second = two.gather([two.submit(os.urandom, 8), two.submit(os.urandom, 8)])
    assert first != second


def test_two_workers_give_the_bits_of_one_process_also_where_one_is_killed(two, alone):
    assert same_bits(train(two), alone)
    assert same_bits(train(two, kills=(5,)), alone)


def test_data_that_were_sent_do_not_come_back(two):
    """Dask knows how a task's result was made; of what a client scattered it knows nothing."""
    from distributed import CancelledError

    (made,) = [two.submit(chunk, 0)]
    two.gather([made])
    everywhere = sorted(two._client.nthreads())
    sent = [two._client.scatter(chunk(0), workers=[address]) for address in everywhere]
    for _ in everywhere:
        two.kill(0)
    with pytest.raises(CancelledError):
        two._client.submit(np.sum, sent[0], pure=False).result(timeout=60)
    assert same_bits(two.gather([made])[0], chunk(0))


@pytest.mark.parametrize("count", [1, 3])
def test_one_worker_and_three_give_the_same_bits(count, alone):
    with scale.workers(count) as client:
        assert same_bits(train(client), alone)


def test_an_outside_scheduler_gives_the_same_bits_and_outlives_us(alone, tmp_path):
    program = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    where = {"env": env, "cwd": tmp_path, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    address_file = tmp_path / "scheduler.json"
    options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(address_file)]
    started = [subprocess.Popen([*program, *options], **where)]
    try:
        for _ in range(600):
            if address_file.exists() and address_file.read_text().strip().endswith("}"):
                break
            time.sleep(0.1)
        address = __import__("json").loads(address_file.read_text())["address"]
        assert address.startswith("tcp://127.0.0.1:")
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--host", "127.0.0.1"]
        started += [
            subprocess.Popen([*worker, "--nthreads", "1", "--no-dashboard"], **where) for _ in range(2)
        ]
        for _ in range(2):  # the scheduler is still there after the first has left
            with scale.workers(address) as client:
                assert same_bits(train(client), alone)
                with pytest.raises(ValueError, match="kill must be called where the workers were started"):
                    client.kill(0)
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            process.wait(30)


@pytest.mark.ten_starts
def test_ten_kills_in_a_row_are_survived(two, alone):
    assert same_bits(train(two, kills=tuple(range(1, 11))), alone)


# --- bad input ---


@pytest.mark.parametrize("where", ["nonsense", "2", "127.0.0.1:8786", ""])
def test_a_text_that_is_no_address_is_refused(where):
    with pytest.raises(ValueError, match=r"workers must be a number, or an address such as tcp://"):
        scale.workers(where)


@pytest.mark.parametrize("client", ["one process", "processes"])
@pytest.mark.parametrize("wrong", [lambda task: task, lambda task: [1, 2], lambda task: {"a": task}])
def test_gather_takes_a_list_of_tasks(client, wrong, two):
    client = two if client == "processes" else scale.OneProcess(1)
    task = client.submit(chunk, 0)
    with pytest.raises(ValueError, match="tasks must be a list of what submit returned"):
        client.gather(wrong(task))
    assert same_bits(client.gather((task,))[0], chunk(0))
