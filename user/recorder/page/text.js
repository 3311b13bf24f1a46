// SPDX-License-Identifier: GPL-2.0
// text.js - words for what the feed tells. What a process calls itself is hostile: it becomes a
// text node, never markup, and what can't be seen or turns the line around is written out.

export function plain(text) {
	return String(text).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu,
		(char) => `\\u{${char.codePointAt(0).toString(16)}}`);
}

export function brief(text, most = 300) {
	const points = Array.from(String(text).slice(0, 2 * most));
	const cut = points.length > most || text.length > 2 * most;
	return plain(cut ? points.slice(0, most).join("") : text) + (cut ? "…" : "");
}

// As orphanctl writes it, so that it can be given to a shell.
function quoted(arg) {
	return arg && !/[ "'\\$`&|;<>()*?[\]#~!{}]/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`;
}

export function command({ args, exe, comm }) {
	return args?.length ? args.map(quoted).join(" ") : exe || `[${comm || "?"}]`;
}

// For lists: the program without its folder, so that what it does is in sight.
export function short(process, most) {
	const [program, ...args] = process.args ?? [];
	const name = program?.slice(program.lastIndexOf("/") + 1);
	return brief(command(name ? { args: [name, ...args] } : process), most);
}

const SMALL = [[1e3, "ns"], [1e6, "µs"], [1e9, "ms"], [60e9, "s"]];
const LARGE = [[3600, 60, "min", 1, "s"], [86400, 3600, "h", 60, "min"], [Infinity, 86400, "d", 3600, "h"]];

// "31 µs", "3.3 ms", "2 min 5 s"
export function span(ns) {
	for (const [i, [most, unit]] of SMALL.entries()) {
		const n = ns / (SMALL[i - 1]?.[0] ?? 1);
		if (ns < 0.9995 * most)
			return `${n < 9.95 ? Number(n.toFixed(1)) : Math.round(n)}\u00a0${unit}`;
	}
	const seconds = Math.round(ns / 1e9);
	const [, size, unit, part, rest] = LARGE.find(([most]) => seconds < most);
	const left = Math.floor(seconds % size / part);
	return `${Math.floor(seconds / size)}\u00a0${unit}${left ? ` ${left}\u00a0${rest}` : ""}`;
}

export function many(n, one, more = one + "s") {
	return `${n.toLocaleString("en")} ${n === 1 ? one : more}`;
}

// A second's own ms, remembered: ten thousand times of one incident lie in few seconds.
let second = "";
let secondMs = 0;

function parts(time) {
	if (!time.startsWith(second) || !second) {
		second = time.slice(0, 19);
		secondMs = Date.parse(`${second}Z`);
	}
	return [secondMs, Number(time.slice(20, -1).padEnd(9, "0"))];
}

// Nanoseconds from one RFC 3339 time in UTC to another; Date knows no more than milliseconds.
export function between(from, to) {
	const [fromMs, fromNs] = parts(from);
	const [toMs, toNs] = parts(to);
	return (toMs - fromMs) * 1e6 + toNs - fromNs;
}

function latest(times) {
	return times.reduce((last, time) => (time && time > last ? time : last), "");
}

// When the root died: the latencies count from there, and "opened" is a little later.
export function died({ opened, survivors, reaction_ns, clear_ns }) {
	const gone = latest(survivors.map((one) => one.gone));
	const signalled = latest(survivors.map((one) => one.signals[0]?.at));
	if (clear_ns && gone)
		return { at: gone, plus: clear_ns };
	return reaction_ns && signalled ? { at: signalled, plus: reaction_ns } : { at: opened, plus: 0 };
}

// "SIGKILL from platform", and in full "was killed by SIGKILL from pid 4100 (platform, user root)"
export function cause({ signal, exit_code, core, origin, sender }, full) {
	if (!signal)
		return full ? `ended with exit status ${exit_code}` : `exit status ${exit_code}`;
	const who = full ? `pid ${sender?.pid} (${plain(sender?.comm)}, user ${plain(sender?.user)})`
		: brief(sender?.comm, 40);
	const from = {
		self: " that it sent itself",
		oom: " by the OOM killer",
		kernel: " from the kernel",
		cgroup: ` through its cgroup${sender ? `, from ${who}` : ""}`,
	}[origin] ?? (sender ? ` from ${who}` : " from a process that nobody noted");
	return `${full ? "was killed by " : ""}${signal}${from}${core ? ", core dumped" : ""}`;
}

export function el(name, properties = {}, ...children) {
	const element = document.createElement(name);
	for (const [key, value] of Object.entries(properties)) {
		if (value === null || value === undefined || value === false)
			continue;
		if (key.startsWith("on"))
			element.addEventListener(key.slice(2), value);
		else
			element.setAttribute(key, value === true ? "" : value);
	}
	element.append(...children.filter((child) => child !== null && child !== undefined));
	return element;
}

export function clock(text) {
	const date = new Date(text);
	const today = date.toDateString() === new Date().toDateString();
	const options = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
	return el("time", { datetime: text, title: text },
		date.toLocaleString([], today ? options : { month: "short", day: "numeric", ...options }));
}
