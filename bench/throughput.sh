# throughput.sh is the part of redis.sh that measures what a Redis still does while
# a tool watches it. It expects $rounds and $seconds, and the rig.

# Ours, and what people use instead; none is measured twice a round, so that its
# two figures show the noise.
tools='none lean syscalls none strace-c strace-T perf-trace bpftrace'

have() {
  case $1 in
  strace-*) command -v strace >/dev/null || { echo 'apt-get install strace' && return 1; } ;;
  perf-trace) perf trace -h >/dev/null 2>&1 || [ $? = 129 ] || { echo 'apt-get install linux-perf' && return 1; } ;;
  bpftrace)
    command -v bpftrace >/dev/null || { echo 'apt-get install bpftrace' && return 1; }
    bpftrace -l tracepoint:raw_syscalls:sys_enter 2>/dev/null | grep -q . || { echo 'mount -t tracefs tracefs /sys/kernel/tracing' && return 1; }
    ;;
  esac
}

# attach TOOL starts a tool on the server and returns when it is attached.
attach() {
  case $1 in
  none) ;;
  lean) watch report --format json ;;
  syscalls) watch syscalls ;;
  strace-c) run traced strace -f -c -p "$server" ;;
  strace-T) run traced strace -f -T -e trace=read,write -o /dev/null -p "$server" ;;
  perf-trace) run perf_attached perf trace -s -p "$server" -o "$dir/perf" ;;
  bpftrace)
    run perf_attached bpftrace -e "
      tracepoint:raw_syscalls:sys_enter /pid == $server/ { @start[tid] = nsecs; }
      tracepoint:raw_syscalls:sys_exit /@start[tid]/ { @ns[args->id] = hist(nsecs - @start[tid]); delete(@start[tid]); }"
    ;;
  esac
}
run() {
  local attached=$1
  shift
  "$@" >"$dir/talk" 2>&1 &
  tool=$!
  await "$1 does not attach" "$attached"
}
traced() { ! grep -q '^TracerPid:\s*0$' "/proc/$server/status"; }
perf_attached() { ls -l "/proc/$tool/fd" | grep -q 'perf_event'; }

# did prints the server's clock in µs and how many commands it has done.
did() { cli INFO | tr -d '\r' | awk -F : '$1 == "server_time_usec" { t = $2 } $1 == "total_commands_processed" { print t, $2 }'; }

# measure TOOL PIPELINE prints the commands a second that the server does meanwhile.
measure() {
  attach "$1"
  sleep 0.2
  local before
  before=$(did)
  sleep "$seconds"
  echo "$before $(did)" | awk '{ printf "%.0f\n", 1e6 * ($4 - $2) / ($3 - $1) }'
  [ "$1" = none ] || unwatch
}

part_throughput() {
  echo "throughput of SETs of 64 bytes, 20 clients: server on CPU 0, clients on CPU 1, $rounds rounds of $seconds s each"
  local chosen='' t why
  for t in $tools; do
    if why=$(have "$t"); then chosen="$chosen $t"; else echo "  skipped: $t ($why)"; fi
  done
  start_redis
  for pipeline in 1 16; do
    benchmark -l -q -c 20 -d 64 -r 10000 -P $pipeline -t set >/dev/null 2>&1 &
    load=$!
    sleep 1
    for round in $(seq "$rounds"); do
      # Every other round goes the other way, against whatever drifts.
      for t in $([ $((round % 2)) = 0 ] && echo $chosen || echo $chosen | tr ' ' '\n' | tac); do
        measure "$t" >"$dir/rate"
        echo "$pipeline $round $t $(cat "$dir/rate")" >>"$dir/rates"
      done
    done
    kill "$load"
    wait "$load" 2>/dev/null || true
    load=''
  done
  stop_redis
  awk -v tools="$chosen" -f bench/throughput.awk "$dir/rates"
}
