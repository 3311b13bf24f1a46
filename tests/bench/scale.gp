# What `bench scale --tsv FILE` found, drawn: gnuplot -e "from='FILE'; to='DIR'" scale.gp
#
# Readable on white and on black: a grey that is neither for words and axes, no ground of its own.
set terminal svg size 640,400 font "sans-serif,13" dashed
set datafile separator "\t"
set border 3 lc rgb "#808080"
set tics nomirror textcolor rgb "#808080"
set grid lc rgb "#808080" lw 0.3 dt 3
set key left top textcolor rgb "#808080"
set title textcolor rgb "#808080"
set xlabel "members" textcolor rgb "#808080"
set ylabel textcolor rgb "#808080"
set logscale xy
set xrange [700:150000]
set format x "%.0s %c"
set style line 1 lc rgb "#1b9e77" lw 2 pt 7 ps 0.6
set style line 2 lc rgb "#d95f02" lw 2 pt 5 ps 0.6
set style line 3 lc rgb "#808080" lw 1 dt 2

# Of what was measured, the rows: 3 the members, 6 the median, 7 and 8 the least and the most, 9 the
# ratio to no crowd.
rows(what) = "< awk -F'\\t' '$1 == \"scale\" && $4 == \"".what."\"' ".from

set output to."/scale-memory.svg"
set title "Memory that members take"
set ylabel "MB"
plot rows("guard, bytes") using 3:($6 / 1e6) with linespoints ls 1 title "guard", \
     rows("kernel, bytes") using 3:($6 / 1e6) with linespoints ls 2 title "kernel (maps)", \
     x * 200 / 1e6 ls 3 title "linear: 200 bytes a member"

set output to."/scale-cpu.svg"
set title "The guard's CPU for a crowd to be born and watched"
set ylabel "ms"
plot rows("guard CPU, us") using 3:($6 / 1e3) with linespoints ls 1 title "guard", \
     x * 50 / 1e3 ls 3 title "linear: 50 µs a member"

set output to."/scale-kill.svg"
set title "From the kill of a root to the last end of its ten, beside a crowd"
set ylabel "ms"
unset logscale y
set format y "%g"
set yrange [0:*]
set key right top
plot rows("kill, ms") using 3:7:(0):($8-$7) with vectors nohead lc rgb "#808080" \
          title "least and most of 15", \
     rows("kill, ms") using 3:6 with linespoints ls 1 title "median", \
     rows("kill, ms") using 3:($6 / $9) with lines ls 3 title "the same with no crowd"
