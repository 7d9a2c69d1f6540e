# Usage: gnuplot -c Bench/Plots/spectrum.gp OUTPUT FILE.hgrm…
#
# The percentile spectrum of one or more measurements (`verbena bench … --hgrm`), on an axis of nines, as
# OUTPUT.svg and OUTPUT.png.
load ARG0[1:strlen(ARG0)-strlen("spectrum.gp")]."common.gp"
if (ARGC < 2) { print "usage: gnuplot -c spectrum.gp OUTPUT FILE.hgrm…"; exit status 64 }
name(path) = system(sprintf("basename '%s' .hgrm", path))
set title "Latency by percentile"
set xlabel "percentile"
set ylabel "latency [µs]"
set format y "%.10g"
set logscale xy
set xtics ("0" 1, "90" 10, "99" 100, "99.9" 1000, "99.99" 10000, "99.999" 100000, "99.9999" 1000000)
# The last line of a spectrum, the maximum, has no fourth column and is left out.
do for [kind in "svg png"] {
  eval terminal(kind)
  set output ARG1.".".kind
  plot for [i=2:ARGC] ARGV[i] using 4:1 with linespoints title name(ARGV[i])
}
