# throughput.awk reads "pipeline round tool rate" and prints, for each depth of
# pipeline, what every tool leaves of the throughput, and ours against theirs. All
# ratios are of rates of one round; what is printed is their median, least and most.
{
  n = ++times[$1, $2, $3]
  rate[$1, $2, $3, n] = $4
  sum[$1, $2, $3] += $4
  if ($2 > rounds) rounds = $2
}
function mean(p, r, t) { return sum[p, r, t] / times[p, r, t] }
function sorted(n, i, j, x) {
  for (i = 2; i <= n; i++) {
    x = v[i]
    for (j = i - 1; j > 0 && v[j] > x; j--) v[j + 1] = v[j]
    v[j + 1] = x
  }
}
function median(n) { return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2 }
function spread(n) { sorted(n); return sprintf("%5.2f (%.2f to %.2f)", median(n), v[1], v[n]) }
function kept(p, t, r, n) {
  for (r = n = 0; ++r <= rounds;) v[++n] = mean(p, r, t) / mean(p, r, "none")
  return spread(n)
}
function against(p, ours, t, r, n) {
  for (r = n = 0; ++r <= rounds;) v[++n] = mean(p, r, ours) / mean(p, r, t)
  return spread(n)
}
function noise(p, r, n) {
  for (r = n = 0; ++r <= rounds;) v[++n] = rate[p, r, "none", 1] / rate[p, r, "none", 2]
  return spread(n)
}
function commands(p, t, r, n) {
  for (r = n = 0; ++r <= rounds;) v[++n] = mean(p, r, t)
  sorted(n)
  return median(n)
}
END {
  split("1 16", depths, " ")
  m = split(tools, list, " ")
  for (d = 1; d <= 2; d++) {
    p = depths[d]
    printf "\n  %-12s %10s  %-22s %-22s %s\n", "pipeline " p, "SETs/s", "kept of none", "lean against it", "syscalls against it"
    printf "  %-12s %10.0f  %s\n", "none", commands(p, "none"), noise(p) "  none against none"
    for (i = 1; i <= m; i++) {
      t = list[i]
      if (t == "none") continue
      line = sprintf("  %-12s %10.0f  %-22s", t, commands(p, t), kept(p, t))
      if (t != "lean" && t != "syscalls") line = line sprintf(" %-22s %s", against(p, "lean", t), against(p, "syscalls", t))
      sub(/ +$/, "", line)
      print line
    }
  }
}
