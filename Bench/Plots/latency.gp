# Usage: gnuplot -c Bench/Plots/latency.gp OUTPUT FILE.csv
#
# Latency by size (`verbena bench message --csv`): median and p99 of PUTs and GETs, as OUTPUT.svg and OUTPUT.png.
load ARG0[1:strlen(ARG0)-strlen("latency.gp")]."common.gp"
if (ARGC != 2) { print "usage: gnuplot -c latency.gp OUTPUT FILE.csv"; exit status 64 }
set datafile separator ","
set title "Latency of messages by size"
set xlabel "size [B]"
set format x "%.0b%B"
set ylabel "latency [µs]"
set format y "%.10g"
set logscale x 2
set logscale y
array SERIES[2] = ["PUT half round trip", "GET round trip"]
# A message without data has no place on an axis of powers: it stands at 1.
size(bytes) = bytes < 1 ? 1 : bytes
do for [kind in "svg png"] {
  eval terminal(kind)
  set output ARG1.".".kind
  plot for [i=1:2] for [part in "p50 p99"] ARG2 \
    using (strcol("series") eq SERIES[i] ? size(column("bytes")) : NaN):\
(column(part."Nanoseconds") / 1000) with linespoints title SERIES[i].", ".part
}
