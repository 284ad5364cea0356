#!/usr/bin/env bash
# redis.sh measures redisprobe against a real redis-server, beside the tools that
# people use instead, and with nothing but public programs: redis-server,
# redis-benchmark and redis-cli; strace, perf and bpftrace where they are
# installed. It wants root, and a machine that does nothing else.
#
#   bench/redis.sh [-r ROUNDS] [-s SECONDS] [-p PORT] [PART...]
#
# The parts are counts, wait, fsync, cost and throughput; without any, all of them.
# ROUNDS (10) are the paired rounds of throughput, and SECONDS (1) how long each
# tool is measured in each of them: with these it takes about 4 minutes. The status
# is 1 when redisprobe has counted wrongly; the figures are for you to judge.
set -eu
rounds=10 seconds=1 port=16379
usage() {
  sed -n 's/^#   \(bench\)/usage: \1/p' "$0" >&2
  exit 2
}
while getopts r:s:p: option; do
  case $option in
  r) rounds=$OPTARG ;;
  s) seconds=$OPTARG ;;
  p) port=$OPTARG ;;
  *) usage ;;
  esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- counts wait fsync cost throughput
for part; do
  case $part in
  counts | wait | fsync | cost | throughput) ;;
  *) usage ;;
  esac
done
cd "$(dirname "$0")/.."
. bench/rig.sh
. bench/throughput.sh

# count NAME LOAD... compares the counts after a load; the server is there.
count() {
  local name=$1 verdict=equal requests
  shift
  watch report --format prometheus
  cli CONFIG RESETSTAT >/dev/null
  "$@" >/dev/null
  commandstats >"$dir/theirs"
  unwatch
  counted >"$dir/ours"
  if ! diff "$dir/theirs" "$dir/ours" >"$dir/diff"; then
    verdict="DIFFERENT: $(grep '^[<>]' "$dir/diff" | tr '\n' ' ')"
    status=1
  fi
  requests=$(awk '{ n += $2 } END { print n }' "$dir/theirs")
  printf '  %-28s %9d requests, lost events %s, %s\n' "$name" "$requests" "$(seen redisprobe_events_lost_total)" "$verdict"
}
# lines N FORMAT... prints each format N times, as redis-cli reads it.
lines() {
  local n=$1
  shift
  for _ in $(seq "$n"); do printf '%s\r\n' "$@"; done
}
part_counts() {
  echo 'requests counted, against INFO commandstats'
  start_redis
  count 'plain' benchmark -q -n 20000 -t set,get
  count 'pipelines of 16' benchmark -q -n 64000 -P 16 -t set,get
  count 'pipelines of 128' benchmark -q -n 64000 -P 128 -t set,get
  count 'values of 200 KB' benchmark -q -n 1000 -c 5 -d 204800 -t set,get
  lines 200 MULTI 'SET a 1' 'INCR a' EXEC >"$dir/multi"
  count 'MULTI' cli <"$dir/multi"
  lines 500 'SET a 1' 'GET a' >"$dir/plain"
  count 'RESP3' cli -3 <"$dir/plain"
  count 'inline, in pipelines' cli --pipe <"$dir/plain"
  stop_redis
  start_redis --io-threads 3 --io-threads-do-reads yes
  count 'io-threads' benchmark -q -n 20000 -t set,get
  stop_redis
}

part_wait() {
  echo 'GETs behind scripts of 0.2 s or more'
  start_redis
  watch record --slow 100ms
  local late=0 began
  for _ in 1 2 3 4 5; do
    cli EVAL "for i = 1, 60000000 do end" 0 >/dev/null &
    local script=$!
    sleep 0.05
    began=$(date +%s%N)
    cli GET key >/dev/null
    [ $(($(date +%s%N) - began)) -lt 100000000 ] || late=$((late + 1))
    wait $script
    cli GET key >/dev/null
  done
  unwatch
  echo "  client: $late of 10 GETs took 100 ms or more"
  cli LATENCY HISTOGRAM get | tail -n 2 | awk 'NR == 1 { us = $1 } END { print "  Redis:  " $1 " GETs, each at most " us " µs (LATENCY HISTOGRAM)" }'
  "$dir/redisprobe" replay "$dir/watched" | awk '/ waited / { on = 1; printf "%s", said++ ? "\n             " : "  redisprobe:" } on && !NF { exit } on { sub(/^ +/, " "); printf "%s", $0 } END { print "" }'
  stop_redis
}

part_fsync() {
  echo 'appendfsync always, 3000 SETs of one client, means'
  start_redis --appendonly yes --appendfsync always
  watch report --format prometheus --with syscalls
  benchmark -q -c 1 -n 3000 -t set --csv | awk -F '"' '$2 == "SET" { printf "  client:     %.0f µs\n", 1000 * $6 }'
  unwatch
  mean() { awk -v s="$(seen "$1_sum" 'command="SET"' ${2:-})" -v n="$(seen redisprobe_requests_total 'command="SET"')" 'BEGIN { printf "%.0f", 1e6 * s / n }'; }
  echo "  redisprobe: $(mean redisprobe_wait_seconds) µs of waiting, $(mean redisprobe_service_seconds) of service, of which $(mean redisprobe_service_part_seconds 'part="fsync"') of fsync"
  cli INFO commandstats | sed -n 's/^cmdstat_set:.*usec_per_call=\([0-9]*\).*/  Redis:      \1 µs (INFO commandstats)/p'
  benchmark -q -n 300000 -P 64 -r 300000 -t set >/dev/null
  watch report --format json --with offcpu
  cli BGSAVE >/dev/null
  await 'BGSAVE does not end' saved
  unwatch
  echo "  fork: redisprobe $(grep -o '"stall_ns":[0-9]*' "$dir/watched" | cut -d : -f 2 | awk '{ printf "%d ", $1 / 1000 }')µs," \
    "Redis $(cli INFO stats | tr -d '\r' | sed -n 's/^latest_fork_usec://p') µs (latest_fork_usec)"
  stop_redis
}
saved() { cli INFO persistence | grep -q '^rdb_bgsave_in_progress:0'; }

part_cost() {
  echo 'in the kernel, both ends of loopback, by its own clock (kernel.bpf_stats_enabled); best of 12'
  start_redis
  watch report --format prometheus
  stats_were=$(sysctl -n kernel.bpf_stats_enabled)
  sysctl -qw kernel.bpf_stats_enabled=1
  spent() { cat /proc/"$tool"/fdinfo/* | awk '/^run_time_ns/ { s += $2 } END { print s }'; }
  local alone= batch=
  # cost N ARGUMENT... is how many ns each of N requests costs.
  cost() {
    local n=$1 before
    shift
    before=$(spent)
    benchmark -q -n "$n" -c 10 -d 64 -t set "$@" >/dev/null
    echo $((($(spent) - before) / n))
  }
  for _ in $(seq 12); do
    alone="$alone $(cost 4000)"
    batch="$batch $(cost 32000 -P 16)"
  done
  echo "$alone $batch" | awk '{
    alone = $1; for (i = 2; i <= 12; i++) if ($i < alone) alone = $i
    batch = $13; for (i = 14; i <= 24; i++) if ($i < batch) batch = $i
    printf "  %d ns a request, %d ns each further one of a pipeline of 16\n", alone, (16 * batch - alone) / 15 }'
  sysctl -qw kernel.bpf_stats_enabled="$stats_were"
  unwatch
  stop_redis
}

status=0
describe
for part; do
  echo
  "part_$part"
done
exit $status
