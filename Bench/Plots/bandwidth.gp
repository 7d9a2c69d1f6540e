# Usage: gnuplot -c Bench/Plots/bandwidth.gp OUTPUT FILE.csv
#
# Bandwidth by size (`verbena bench bulk --csv`), a line for each operation with and without checksums, as
# OUTPUT.svg and OUTPUT.png.
load ARG0[1:strlen(ARG0)-strlen("bandwidth.gp")]."common.gp"
if (ARGC != 2) { print "usage: gnuplot -c bandwidth.gp OUTPUT FILE.csv"; exit status 64 }
set datafile separator ","
set title "Bandwidth by size"
set xlabel "size [B]"
set format x "%.0b%B"
set ylabel "bandwidth [MiB/s]"
set logscale x 2
set yrange [0:*]
mine(operation, checksum) = strcol("series")[1:3] eq operation && strcol("checksum") eq checksum
do for [kind in "svg png"] {
  eval terminal(kind)
  set output ARG1.".".kind
  plot for [operation in "PUT GET"] for [checksum in "off on"] ARG2 \
    using (mine(operation, checksum) ? column("bytes") : NaN):(column("mebibytesPerSecond")) \
    with linespoints title sprintf("%s, checksums %s", operation, checksum)
}
