#!/bin/bash
#SBATCH --job-name=cohort
#SBATCH --ntasks=9
#SBATCH --cpus-per-task=1
#SBATCH --mem-per-cpu=1G
#SBATCH --time=12:00:00
# A cohort in one allocation: Dask's scheduler and the call itself in the first task, a worker in every other one.
#
#   sbatch docs/cluster/slurm-dask.sh /data/exports --out /data/cohort [options of `lymphorisk cohort`]
#
# Dask's scheduler listens to everybody who reaches the node: on a shared network give it certificates
# (https://distributed.dask.org/en/stable/tls.html).
set -euo pipefail
: "${PORT:=8786}" "${DASK:=dask}" "${LYMPHORISK:=lymphorisk}"
address="tcp://$(hostname):$PORT"
export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
"$DASK" scheduler --port "$PORT" --no-dashboard &
trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
srun --ntasks=$((SLURM_NTASKS - 1)) "$DASK" worker "$address" --nthreads 1 --no-dashboard --memory-limit 0 \
  --death-timeout 60 --local-directory "${TMPDIR:-/tmp}" &
"$LYMPHORISK" cohort "$@" --scheduler "$address"
