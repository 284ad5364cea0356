# rig.sh is the rig of redis.sh: a Redis, its load, and redisprobe. It expects $port.

for program in redis-server redis-benchmark redis-cli taskset; do
  command -v $program >/dev/null || { echo "redis.sh: no $program (apt-get install redis-server redis-tools util-linux)" >&2; exit 3; }
done
[ "$(id -u)" = 0 ] || { echo 'redis.sh: wants root' >&2; exit 3; }
[ "$(nproc)" -ge 2 ] || { echo 'redis.sh: wants two CPUs, one for the server and one for its clients' >&2; exit 3; }

dir=$(mktemp -d)
server='' load='' tool='' stats_were=''
finish() {
  for pid in $tool $load $server; do kill -KILL "$pid" 2>/dev/null || true; done
  [ -z "$stats_were" ] || sysctl -qw kernel.bpf_stats_enabled="$stats_were"
  rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT TERM
go build -o "$dir/redisprobe" ./cmd/redisprobe

# describe says what is measured where.
describe() {
  echo "$("$dir/redisprobe" version | head -n 1), redis-server $(redis-server --version | sed 's/.*v=\([^ ]*\).*/\1/')"
  echo "Linux $(uname -r), $(nproc) CPUs, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), load $(cut -d ' ' -f 1-3 /proc/loadavg)"
}

# start_redis ARGUMENT... starts a redis-server on CPU 0, stop_redis ends it.
start_redis() {
  ! cli PING >/dev/null 2>&1 || { echo "redis.sh: there is a Redis on port $port already: choose another with -p" >&2; exit 2; }
  taskset -c 0 redis-server --port "$port" --bind 127.0.0.1 --dir "$dir" --save '' "$@" >"$dir/talk" 2>&1 &
  server=$!
  await 'redis-server does not start' cli PING >/dev/null
}
stop_redis() {
  kill "$server"
  wait "$server" || true
  server=''
  rm -rf "$dir"/appendonlydir "$dir"/dump.rdb
}
cli() { redis-cli -p "$port" "$@"; }
# benchmark ARGUMENT... runs redis-benchmark on CPU 1.
benchmark() { taskset -c 1 redis-benchmark -p "$port" "$@"; }

# watch ARGUMENT... starts redisprobe on the server and returns when it counts;
# unwatch ends whatever tool runs.
watch() {
  rm -f "$dir/watched"
  "$dir/redisprobe" "$@" -p "$server" -o "$dir/watched" >"$dir/talk" 2>&1 &
  tool=$!
  await 'redisprobe does not start' grep -q 'until SIGINT' "$dir/talk"
}
unwatch() {
  kill -INT "$tool"
  wait "$tool" || true
  tool=''
}

# await WHY COMMAND... returns when the command succeeds.
await() {
  local why=$1
  shift
  for _ in $(seq 600); do
    ! "$@" 2>/dev/null || return 0
    sleep 0.05
  done
  echo "redis.sh: $why: $(tail -n 5 "$dir/talk")" >&2
  exit 2
}

# seen METRIC [LABEL...] sums a metric of what redisprobe has written.
seen() {
  local metric=$1
  shift
  awk -v metric="$metric" -v labels="$*" '
    BEGIN { n = split(labels, want, " ") }
    index($0, metric) == 1 && substr($0, length(metric) + 1, 1) ~ /[{ ]/ {
      for (i = 1; i <= n; i++) if (!index($0, want[i])) next
      sum += $NF
    }
    END { printf "%.9g\n", sum }' "$dir/watched"
}

# commandstats prints how often each command was called, by the server, and counted
# by redisprobe. INFO is left out: it does not count itself in time.
commandstats() { cli INFO commandstats | sed -n 's/^cmdstat_\([^|:]*\)[^:]*:calls=\([0-9]*\),.*/\1 \2/p' | by_command; }
counted() { sed -n 's/^redisprobe_requests_total{command="\([^"]*\)".*} \(.*\)/\1 \2/p' "$dir/watched" | by_command; }
by_command() {
  awk '{ n[toupper($1)] += $2 } END { for (c in n) if (n[c] && c != "INFO" && c != "CONFIG") printf "%s %d\n", c, n[c] }' | sort
}
