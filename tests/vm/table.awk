# SPDX-License-Identifier: GPL-2.0
#
# Turns what each kernel's VM left behind, a file KERNEL.tap that ends in run.sh's "# vm" line, into a table of tests
# and kernels, notes that say why a test failed or was skipped, and the sums. Ends with 1 unless all went well.
# -v filtered=1: the tests were run with a filter. -v closing=TEXT: a line to print before the sums.

FNR == 1 {
	kernel = FILENAME
	sub(/.*\//, "", kernel)
	sub(/\.tap$/, "", kernel)
	kernels[++kernel_count] = kernel
	width[kernel] = length(kernel)
	test = ""
}

{ sub(/\r$/, "") }

# run.sh: "# vm ended CODE", or "# vm failed WHY".
/^# vm ended / { if ($4 != 0) exit_code[kernel] = $4; next }
/^# vm failed / { sub(/^# vm failed /, ""); problem[kernel] = $0; next }

# More than one test program gives more than one plan.
/^1\.\.[0-9]+$/ { planned[kernel] += substr($0, 4); next }

/^(not )?ok - / {
	seen[kernel]++
	passed_or_skipped = /^ok/
	sub(/^(not )?ok - /, "")
	test = $1
	rest = substr($0, length(test) + 2)
	if (!passed_or_skipped) {
		# In parentheses: the time taken. What else stands here is a crash or a timeout.
		sub(/ *\([0-9.]+s\)$/, "", rest)
		set("FAIL", rest)
	} else if (sub(/^ *# SKIP /, "", rest)) {
		# This is also how Criterion reports what its filter left out.
		if (filtered && rest == "test was skipped")
			test = ""
		else
			set("skip", rest)
	} else {
		set("pass", "")
		test = ""
	}
	next
}

# A failure's block: "  - FILE:LINE: |+", then the assertion's message, further in.
/^  (---|\.\.\.)$/ || /^  (assertions|failures):/ || /^#/ || /^TAP version/ { next }
/^  - / { sub(/^  - /, ""); sub(/ \|\+$/, ""); begin($0); next }
test != "" && NF { sub(/^ +/, ""); sub(/^Assertion failed: /, ""); add($0) }

function set(result, why) {
	if (!(test in known)) {
		known[test] = 1
		tests[++test_count] = test
	}
	outcome[kernel, test] = result
	reason[kernel, test] = earlier = why
	later = ""
}

# Of several failed assertions, too, Criterion reports the last one first.
function begin(assertion) {
	later = reason[kernel, test] == "" ? "" : "; " reason[kernel, test]
	earlier = assertion
	reason[kernel, test] = earlier later
}

function add(text) {
	earlier = earlier " " text
	reason[kernel, test] = earlier later
}

# The number of the note that says this; the same words on two kernels are one note.
function note(text) {
	if (!(text in note_number)) {
		notes[++note_count] = text
		note_number[text] = note_count
	}
	return note_number[text]
}

function cell(kernel, test,    result, why) {
	if (!((kernel, test) in outcome))
		return "-"
	result = outcome[kernel, test]
	sum[result]++
	count[kernel, result]++
	if (result == "pass")
		return result
	why = reason[kernel, test]
	if (why == "")
		why = "ended without a failed assertion: an exit of its own, or not the signal that was expected"
	return result " [" note(why) "]"
}

function print_trimmed(line) {
	sub(/ +$/, "", line)
	print line
}

function blame(kernel, text) {
	problems[++problem_count] = kernel ": " text
}

END {
	first_width = length("test")
	# Criterion reports the last test first.
	for (row = test_count; row >= 1; row--) {
		test = tests[row]
		if (length(test) > first_width)
			first_width = length(test)
		for (column = 1; column <= kernel_count; column++) {
			kernel = kernels[column]
			cells[row, column] = cell(kernel, test)
			if (length(cells[row, column]) > width[kernel])
				width[kernel] = length(cells[row, column])
		}
	}

	line = sprintf("%-" first_width "s", "test")
	for (column = 1; column <= kernel_count; column++)
		line = line sprintf("  %-" width[kernels[column]] "s", kernels[column])
	print_trimmed(line)
	for (row = test_count; row >= 1; row--) {
		line = sprintf("%-" first_width "s", tests[row])
		for (column = 1; column <= kernel_count; column++)
			line = line sprintf("  %-" width[kernels[column]] "s", cells[row, column])
		print_trimmed(line)
	}
	for (i = 1; i <= note_count; i++)
		print (i == 1 ? "\n" : "") "[" i "] " notes[i]

	# What went wrong beside the tests counts as a failure too, one for each kernel.
	for (column = 1; column <= kernel_count; column++) {
		kernel = kernels[column]
		if (kernel in problem)
			blame(kernel, problem[kernel])
		else if (seen[kernel] != planned[kernel])
			blame(kernel, "results of " seen[kernel] + 0 " tests came, out of " planned[kernel] + 0)
		else if ((kernel in exit_code) && !count[kernel, "FAIL"])
			blame(kernel, "the tests ended with " exit_code[kernel] ", though none failed")
		else if (!count[kernel, "pass"] && !count[kernel, "FAIL"])
			blame(kernel, "no test ran")
	}
	for (i = 1; i <= problem_count; i++)
		print (i == 1 ? "\n" : "") problems[i]

	failed = sum["FAIL"] + problem_count
	print "\n" closing
	printf "%d passed, %d failed, %d skipped\n", sum["pass"], failed, sum["skip"]
	exit failed > 0
}
