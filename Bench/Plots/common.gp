# What all plots have in common: sizes, fonts and lines that print well. Nothing is fetched from anywhere.
terminal(kind) = kind eq "svg" \
  ? "set terminal svg size 900,560 font 'sans-serif,13' background rgb 'white'" \
  : "set terminal pngcairo size 1350,840 font 'sans-serif,14' background rgb 'white'"
set encoding utf8
set grid
set border 3
set tics nomirror
set pointsize 0.6
set linetype 1 linecolor rgb "#1b6ca8" linewidth 2
set linetype 2 linecolor rgb "#d1495b" linewidth 2
set linetype 3 linecolor rgb "#66a182" linewidth 2
set linetype 4 linecolor rgb "#edae49" linewidth 2
set key outside top center horizontal noenhanced
# A row of another series is no gap in this one's line.
set datafile missing NaN
