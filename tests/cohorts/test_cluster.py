"""The example files for clusters: SLURM's run on one of this machine's own; of Kubernetes' is held what can be."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "cluster"
DAEMONS = ("slurmctld", "slurmd", "sbatch", "srun", "sinfo")
PLANS = ("zero_dose", "cranial_24gy_5fx", "tbi_2gy_fludarabine")
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/none
CredType=cred/none
SlurmctldPort={controller}
SlurmdPort={daemon}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmUser=root
SlurmdUser=root
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,batch_sched_delay=1
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory=16000
PartitionName=main Nodes={host} Default=YES State=UP OverSubscribe=YES
"""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Environment of a SLURM with one node, this machine."""
    if any(shutil.which(name) is None for name in DAEMONS) or os.geteuid() != 0:
        pytest.skip("no SLURM here (apt-get install slurmctld slurmd slurm-client), or not root")
    folder = tmp_path_factory.mktemp("slurm")
    for name in ("state", "spool", "bin"):
        (folder / name).mkdir()
    host = socket.gethostname().split(".")[0]
    conf = folder / "slurm.conf"
    text = CONFIGURATION.format(
        host=host, controller=free_port(), daemon=free_port(), folder=folder, cores=os.cpu_count()
    )
    conf.write_text(text)
    for name, module in (("lymphorisk", "lymphorisk"), ("dask", "dask")):
        program = folder / "bin" / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
        program.chmod(0o755)
    env = dict(os.environ, SLURM_CONF=str(conf), PYTHONPATH=str(ROOT))
    env["PATH"] = f"{folder / 'bin'}:{env['PATH']}"
    log = (folder / "log").open("w")
    running = [
        subprocess.Popen([shutil.which(name) or name, "-D", "-f", str(conf)], env=env, stdout=log, stderr=log)
        for name in ("slurmctld", "slurmd")
    ]
    try:
        waited_for(lambda: "idle" in subprocess.run(["sinfo"], env=env, capture_output=True, text=True).stdout, 60)
        yield env
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(30)
        log.close()


def waited_for(ready: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "nothing came of it"
        time.sleep(0.5)


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder of scenarios, and the cohort of it that was computed without a cluster."""
    folder = tmp_path_factory.mktemp("plans")
    for name in PLANS:
        shutil.copy(ROOT / "fixtures" / "scenarios" / f"{name}.toml", folder)
    alone = tmp_path_factory.mktemp("alone") / "cohort"
    call = [sys.executable, "-m", "lymphorisk", "cohort", str(folder), "--out", str(alone), "--workers", "0"]
    done = subprocess.run([*call, "--draws", "64"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder, alone


def same_tables(folder: Path, alone: Path) -> bool:
    """Whether all tables but the times are equal byte for byte."""
    names = [p.name for p in alone.iterdir() if p.suffix in {".csv", ".parquet"} and p.stem != "timings"]
    assert "plans.parquet" in names
    return all((folder / n).is_file() and (folder / n).read_bytes() == (alone / n).read_bytes() for n in names)


@pytest.mark.slow
def test_a_job_array_gives_the_same_tables(slurm: dict[str, str], plans: tuple[Path, Path], tmp_path: Path) -> None:
    sources, alone = plans
    out = tmp_path / "cohort"
    env = dict(slurm, PARTS="2", OUT=str(out))
    call = [str(EXAMPLES / "slurm-array.sh"), str(sources), "--draws", "64"]
    subprocess.run(call, env=env, cwd=tmp_path, check=True, capture_output=True)
    waited_for(lambda: (out / "plans.parquet").is_file() and no_jobs(env), 300)
    assert same_tables(out, alone), (tmp_path / "cohort-log" / "tables.txt").read_text()


@pytest.mark.slow
def test_dask_in_one_allocation_gives_the_same_tables(
    slurm: dict[str, str], plans: tuple[Path, Path], tmp_path: Path
) -> None:
    sources, alone = plans
    out = tmp_path / "cohort"
    env = dict(slurm, PORT=str(free_port()))
    call = ["sbatch", "--ntasks=2", "--mem-per-cpu=100", "--output=log.txt", str(EXAMPLES / "slurm-dask.sh")]
    call += [str(sources), "--out", str(out), "--draws", "64"]
    subprocess.run(call, env=env, cwd=tmp_path, check=True, capture_output=True)
    waited_for(lambda: no_jobs(env), 300)
    assert same_tables(out, alone), (tmp_path / "log.txt").read_text()


def no_jobs(env: dict[str, str]) -> bool:
    return not subprocess.run(["squeue", "--noheader"], env=env, capture_output=True, text=True).stdout.strip()


@pytest.mark.slow
def test_jobqueue_asks_slurm_for_workers(slurm: dict[str, str], plans: tuple[Path, Path], tmp_path: Path) -> None:
    if importlib.util.find_spec("dask_jobqueue") is None:  # loading it changes what signals do
        pytest.skip("dask_jobqueue is not installed")
    sources, _ = plans
    call = [sys.executable, str(EXAMPLES / "jobqueue.py"), str(sources), str(tmp_path / "cohort")]
    done = subprocess.run(call, env=slurm, cwd=tmp_path, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{len(PLANS)} plans" in done.stdout
    waited_for(lambda: no_jobs(slurm), 60)


def documents() -> dict[str, dict[str, Any]]:
    yaml = pytest.importorskip("yaml")
    return {d["kind"]: d for d in yaml.safe_load_all((EXAMPLES / "kubernetes.yaml").read_text(encoding="utf-8"))}


def pods() -> dict[str, dict[str, Any]]:
    found = documents()
    cluster = found["DaskCluster"]["spec"]
    return {
        "worker": cluster["worker"]["spec"],
        "scheduler": cluster["scheduler"]["spec"],
        "job": found["Job"]["spec"]["template"]["spec"],
    }


def test_kubernetes_calls_what_the_program_takes() -> None:
    from lymphorisk.cli.cohort import run

    name, command, *arguments = pods()["job"]["containers"][0]["args"]
    assert (name, command) == ("lymphorisk", "cohort")
    context = run.make_context("run", arguments)
    assert context.params["out"] is not None
    cluster = documents()["DaskCluster"]
    port = next(p["port"] for p in cluster["spec"]["scheduler"]["service"]["ports"] if p["name"] == "tcp-comm")
    assert context.params["scheduler"] == f"tcp://{cluster['metadata']['name']}-scheduler:{port}"


def test_kubernetes_pods_see_one_volume_and_are_nobody() -> None:
    claim = documents()["PersistentVolumeClaim"]["metadata"]["name"]
    assert set(pods()) == {"worker", "scheduler", "job"}
    for name, pod in pods().items():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        if name == "scheduler":
            continue
        claims = {v["name"]: v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"]}
        assert {claims[m["name"]] for m in pod["containers"][0]["volumeMounts"]} == {claim}


def test_kubernetes_workers_hold_one_plan_each() -> None:
    worker = pods()["worker"]["containers"][0]["args"]
    assert worker[worker.index("--nthreads") + 1] == "1"
    assert worker[worker.index("--memory-limit") + 1] == "0"
