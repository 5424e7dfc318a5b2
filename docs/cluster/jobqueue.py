"""A cohort on workers that dask-jobqueue asks SLURM for, as many as there is work for (pip install dask-jobqueue).

python docs/cluster/jobqueue.py /data/exports /data/cohort
"""

import sys

from dask_jobqueue import SLURMCluster

from lymphorisk import cohort


def main(sources: str, out: str, most: int = 64) -> None:
    """Analyse the plans of a folder; a second call goes on."""
    with SLURMCluster(cores=1, processes=1, memory="1GB", walltime="12:00:00", nanny=True) as cluster:
        cluster.adapt(minimum=1, maximum=most)
        plans = cohort(sources, out=out, scheduler=cluster.scheduler_address, progress=sys.stderr.write)
    print(f"{len(plans)} plans in {out}")


if __name__ == "__main__":
    main(*sys.argv[1:3])
