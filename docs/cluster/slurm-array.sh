#!/bin/bash
# A cohort as a job array: every task takes its part of the plans into a ledger of its own, a last job writes the tables.
#
#   PARTS=32 OUT=/data/cohort docs/cluster/slurm-array.sh /data/exports [options of `lymphorisk cohort`]
#
# Called again it goes on: parts that are done are not computed twice. Needs nothing but sbatch and the program on every
# node, with files under the same paths.
set -euo pipefail
: "${PARTS:=8}" "${OUT:?folder of the cohort}" "${LYMPHORISK:=lymphorisk}" "${MEMORY:=1G}" "${TIME:=12:00:00}"
mkdir -p "$OUT-log"
call=$(printf '%q ' "$LYMPHORISK" cohort "$@" --out "$OUT" --workers 0)
parts=$(sbatch --parsable --job-name=cohort --array="1-$PARTS" --cpus-per-task=1 --mem="$MEMORY" --time="$TIME" --requeue \
  --output="$OUT-log/part-%a.txt" --wrap "$call --shard \$SLURM_ARRAY_TASK_ID/$PARTS")
# A part that leaves with 5 has plans in quarantine; the tables are written all the same.
sbatch --parsable --job-name=cohort-tables --dependency="afterany:$parts" --cpus-per-task=1 --mem=4G --time="$TIME" \
  --output="$OUT-log/tables.txt" --wrap "$call"
