// SPDX-License-Identifier: GPL-2.0
// page.js - the live page: asks once, then follows.
import * as feed from "./feed.js";
import { show } from "./incident.js";
import { brief, cause, clock, command, el, many, plain, short, span } from "./text.js";

const POLL = 5000; // ms between two looks at the counters
const GATHER = 100; // ms in which events are taken together
const HOUR = 3600e3;
const KEPT = 2000; // incidents in memory, the newest
const PAGE = 50; // rows at a time
const AT_ONCE = 20; // incidents asked for one by one
const ANSWER = 500; // incidents in one answer
const LOSS_STAYS = 10 * 60e3; // ms that a loss is news

const OUTCOMES = ["cleared", "spared", "observed", "braked", "stuck", "open"];

const $ = (selector) => document.querySelector(selector);

const state = {
	incidents: new Map(), // id → what the list shows of it
	order: null, // of them, until one comes or goes
	trees: [],
	metrics: null,
	asked: false, // at least once
	live: undefined, // whether events come
	answered: 0, // when something last came
	lost: undefined, // how much so far
	lostAt: 0,
	rows: PAGE,
	treeRows: PAGE,
	whole: false, // there are no older incidents
};

// ---- incidents in memory: the list needs no survivor by name

function outcomeOf(incident) {
	return incident.state === "open" && incident.outcome !== "stuck" ? "open" : incident.outcome;
}

function take(incident) {
	const { survivors, ...rest } = incident;
	state.order = null;
	const ended = survivors.filter(({ outcome }) => outcome === "killed" || outcome === "terminated").length;
	state.incidents.set(incident.id, {
		...rest,
		survivors: survivors.length,
		ended,
		at: Date.parse(incident.opened),
		shown: outcomeOf(incident),
		command: short(incident.root),
		title: brief(command(incident.root), 1000),
		cause: cause(incident.cause),
	});
}

// The newest first: ids are in the order of time.
function newest() {
	return state.order ??= [...state.incidents.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
}

function forget() {
	if (state.incidents.size <= KEPT)
		return;
	for (const { id } of newest().slice(KEPT))
		state.incidents.delete(id);
	state.order = null;
	state.whole = false;
}

// ---- what is asked, and when

const due = new Set(); // ids of incidents that something has come to
let gathering = 0;

async function answered(promise) {
	const answer = await promise;
	state.answered = Date.now();
	return answer;
}

// The newest first, answer by answer: how many came, and whether there are more.
async function askIncidents(query, most) {
	let count = 0;
	let before = query.before;
	do {
		const limit = Math.min(ANSWER, most - count);
		const { list, next } = await answered(feed.incidents({ ...query, limit, ...before && { before } }));
		list.forEach(take);
		draw();
		count += list.length;
		before = next;
	} while (before && count < most);
	return { count, more: Boolean(before) };
}

async function askDue() {
	const ids = [...due];
	due.clear();
	if (ids.length > AT_ONCE) {
		await askIncidents({ since: "5m" }, KEPT);
	} else {
		await Promise.all(ids.map(async (id) => take(await answered(feed.incident(id)))));
	}
	forget();
	announce(ids);
	if (ids.includes(shown?.id))
		openIncident(shown.id);
}

async function askCounters() {
	const [metrics, trees] = await answered(Promise.all([feed.metrics(), feed.trees()]));
	// a client of /events that was too slow is its own affair
	const lost = (metrics.get("orphand_events_lost_total") ?? 0) + (metrics.get("orphand_feed_dropped_total") ?? 0) -
		(metrics.get("orphand_feed_dropped_total", { sink: "events" }) ?? 0);

	if (state.lost !== undefined && lost > state.lost)
		state.lostAt = Date.now();
	state.lost = lost;
	state.metrics = metrics;
	state.trees = trees;
}

// Failing is no news of its own: the verdict tells how long nothing came.
async function attempt(ask) {
	try {
		await ask();
		return true;
	} catch (error) {
		console.warn(error);
		return false;
	} finally {
		draw();
	}
}

function gather() {
	gathering ||= setTimeout(async () => {
		gathering = 0;
		const ids = [...due];
		const done = await attempt(() => Promise.all([due.size && askDue(), askCounters()]));
		if (!done)
			ids.forEach((id) => due.add(id)); // the next event or look asks again
	}, GATHER);
}

async function first() {
	await attempt(async () => {
		await askCounters();
		const { count } = await askIncidents({ since: "1h" }, KEPT);
		if (count < PAGE)
			state.whole = !(await askIncidents({}, PAGE)).more;
		forget();
	});
}

function look() {
	for (const { id, state: now } of state.incidents.values()) {
		if (now === "open")
			due.add(id);
	}
	if (!document.hidden)
		gather();
	draw();
}

function heard(event) {
	state.answered = Date.now();
	if (event["event.name"] === "orphand.events.lost")
		state.lostAt = Date.now();
	if (event["orphand.incident.id"])
		due.add(event["orphand.incident.id"]);
	gather();
}

// ---- the verdict: the first second's answer

function lastHour() {
	const since = Date.now() - HOUR;
	return newest().filter(({ at }) => at >= since);
}

function ago(at) {
	const ms = Date.now() - at;
	return ms < 5000 ? "just now" : `${span(Math.round(ms / 1000) * 1e9)} ago`;
}

function linkTo(one, most = 50) {
	return el("a", { href: `#incident/${encodeURIComponent(one.id)}` }, el("code", { title: one.title }, brief(one.command, most)));
}

function lastEnded() {
	const last = newest().find(({ ended }) => ended);
	return last ? [`The last orphans were ended ${ago(last.at)}: ${many(last.ended, "survivor")} of `,
		linkTo(last), `, ${last.cause}.`] : ["No orphan has been ended."];
}

function verdict(hour) {
	const { metrics } = state;
	const quiet = Date.now() - state.answered;
	const stuck = hour.filter(({ shown: outcome }) => outcome === "stuck");

	if (!metrics)
		return state.asked ? ["bad", "Out of touch", "The daemon’s feed does not answer."] : null;
	if (quiet > 2 * POLL && !document.hidden)
		return ["bad", "Out of touch", `Nothing has come for ${span(quiet * 1e6)}; what is below may be old.`];
	if (metrics.get("orphand_feed_stale") === 1 || metrics.get("orphand_armed") === undefined)
		return ["bad", "Silent", "The daemon does not answer its own feed; what is below may be old."];
	if (metrics.get("orphand_observe") === 1)
		return ["warn", "Observing", "Nobody is signalled: the daemon was told only to watch."];
	if (metrics.get("orphand_armed") === 0)
		return ["bad", "Disarmed", "Nobody is signalled. What was left running is told below; ",
			el("code", {}, "orphanctl arm"), " closes the brake."];
	if (metrics.get("orphand_attached") === 0)
		return ["bad", "Detached", "A BPF program is not in its place, so that births or deaths go unseen; ",
			el("code", {}, "orphanctl doctor"), " tells which."];
	if (stuck.length)
		return ["bad", "Stuck", "A survivor of ", linkTo(stuck[0]), " would not die", stuck.length > 1 ?
			`; so it was in ${many(stuck.length - 1, "other incident")} of the last hour.` : "."];
	if (Date.now() - state.lostAt < LOSS_STAYS)
		return ["warn", "Losing records", "Some did not come through. The families are read from the maps, so that nobody escapes; the story may have holes."];
	return ["good", "Armed", ...lastEnded()];
}

function drawVerdict(hour) {
	const [kind, word, ...says] = verdict(hour) ?? ["wait", "Asking", "What is watched, and what happened?"];
	const host = newest()[0]?.host.name;

	$("#verdict").dataset.state = kind;
	setText($("#verdict .word"), word);
	replaceIfChanged($("#verdict .says"), says);
	document.title = `${word}${host ? ` · ${plain(host)}` : ""} · orphand`;
	setText($("#host"), [host && plain(host), state.metrics?.of("orphand_build_info")[0]?.labels.version]
		.filter(Boolean).join(" · "));
	$("#link").dataset.state = state.live ? "good" : "warn";
	setText($("#link"), state.live ? "live" : state.live === undefined ? "connecting" : "reconnecting");
}

// A text that stays as it is must not be told anew by a screen reader.
function setText(element, text) {
	if (element.textContent !== text)
		element.textContent = text;
}

function replaceIfChanged(element, children) {
	if (element.contains(document.activeElement))
		return; // a link that somebody is at does not go
	const box = el("div", {}, ...children);
	if (element.textContent !== box.textContent)
		element.replaceChildren(...box.childNodes);
}

// ---- facts

function spread(values) {
	const sorted = values.filter(Boolean).sort((a, b) => a - b);
	return sorted.length ? [span(sorted[sorted.length >> 1]), `median; worst ${span(sorted.at(-1))}`] : ["–", "none yet"];
}

function byOutcome(list) {
	const parts = OUTCOMES.map((outcome) => [outcome, list.filter(({ shown: one }) => one === outcome).length])
		.filter(([, count]) => count);
	return parts.map(([outcome, count]) => `${count} ${outcome}`).join(", ");
}

function drawFacts(hour) {
	const count = (name) => (state.metrics?.get(name) ?? 0).toLocaleString("en");
	const ended = hour.reduce((sum, one) => sum + one.ended, 0);
	const facts = [
		["Watched", count("orphand_processes"), `${state.metrics?.get("orphand_processes") === 1 ? "process" : "processes"} in ${many(state.metrics?.get("orphand_trees") ?? 0, "tree")}`],
		["Incidents", hour.length.toLocaleString("en"), byOutcome(hour) || "in the last hour"],
		["Orphans ended", ended.toLocaleString("en"), "in the last hour"],
		["Reaction", ...spread(hour.map((one) => one.reaction_ns))],
		["Clear", ...spread(hour.map((one) => one.clear_ns))],
		["Lost", (state.lost ?? 0).toLocaleString("en"), "records, since the start", state.lost ? "warn" : "good"],
	];
	$("#facts").replaceChildren(...facts.map(([name, value, note, kind]) =>
		el("div", { "data-state": kind }, el("dt", {}, name), el("dd", {}, el("b", {}, value), note))));
}

// ---- bars

function bars(list, columns) {
	const most = Math.max(1, ...columns.map(({ parts }) => parts.reduce((sum, [, n]) => sum + n, 0)));
	const key = JSON.stringify(columns);
	if (list.dataset.key === key)
		return;
	list.dataset.key = key;
	list.replaceChildren(...columns.map(({ says, parts }) => {
		const some = parts.some(([, n]) => n);
		const column = el("li", { title: some ? says : null, "aria-hidden": some ? null : "true" });
		for (const [kind, n] of parts) {
			const bar = el("i", { class: kind });
			bar.style.height = `${n / most * 100}%`;
			if (n)
				column.append(bar);
		}
		if (some)
			column.append(el("span", { class: "unseen" }, says));
		return column;
	}));
}

function drawHour(hour) {
	const now = Math.floor(Date.now() / 60e3);
	const minutes = Array.from({ length: 60 }, () => []);
	for (const one of hour) {
		const age = now - Math.floor(one.at / 60e3);
		minutes[59 - Math.min(59, Math.max(0, age))].push(one);
	}
	const most = Math.max(...minutes.map((list) => list.length));

	bars($("#hour .bars"), minutes.map((list, i) => {
		const at = new Date((now - 59 + i) * 60e3).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
		return {
			says: `${at}: ${byOutcome(list)}`,
			parts: OUTCOMES.map((outcome) => [outcome, list.filter(({ shown: one }) => one === outcome).length]),
		};
	}));
	setText($("#hour .note"), hour.length >= KEPT ? `the newest ${KEPT.toLocaleString("en")} incidents, by minute`
		: most ? `incidents by minute, ${most} at most` : "no incident");
}

function drawHistogram(box, name) {
	const buckets = state.metrics?.histogram(name) ?? [];
	const label = ({ most }) => (most === Infinity ? "more" : span(most * 1e9));
	const last = buckets.length - 1;

	bars(box.querySelector(".bars"), buckets.map((bucket, i) => ({
		says: `${bucket.most === Infinity ? `more than ${label(buckets[i - 1])}` : `up to ${label(bucket)}`}: ${bucket.count}`,
		parts: [["plain", bucket.count]],
	})));
	const marks = [0, last / 3, last * 2 / 3, last].map((at) => buckets[Math.round(at)]).filter(Boolean);
	replaceIfChanged(box.querySelector(".axis"), marks.map((bucket) => el("span", {}, label(bucket))));
}

// ---- the list of incidents

const rows = new Map(); // id → { row, key }

function cell(name, ...children) {
	return el("td", { class: name }, ...children);
}

function makeRow(one) {
	const place = one.root.unit || one.root.pod || one.root.container.slice(0, 12);
	const about = [one.rule, `pid ${one.root.pid}`, one.root.user, place].filter(Boolean).map((text) => plain(text));
	const row = el("tr", { class: one.shown },
		cell("time", clock(one.opened)),
		cell("root", linkTo(one, 300),
			el("small", {}, about.join(" · "))),
		cell("cause", one.cause),
		cell("number", el("span", { class: "narrow" }, "survivors "), one.survivors.toLocaleString("en")),
		cell("outcome", el("span", { class: `badge ${one.shown}` }, one.shown)),
		cell("number", el("span", { class: "narrow" }, "reaction "), one.reaction_ns ? span(one.reaction_ns) : "–"),
		cell("number", el("span", { class: "narrow" }, "clear "), one.clear_ns ? span(one.clear_ns) : "–"));
	row.addEventListener("click", (event) => {
		if (!event.target.closest("a") && !getSelection().toString())
			location.hash = `incident/${encodeURIComponent(one.id)}`;
	});
	return row;
}

function rowOf(one, isNew) {
	const key = `${one.shown} ${one.survivors} ${one.clear_ns} ${new Date().toDateString()}`;
	const before = rows.get(one.id);
	if (before?.key === key)
		return before.row;
	const row = makeRow(one);
	if (!before && isNew)
		row.classList.add("new");
	rows.set(one.id, { row, key });
	return row;
}

function fits(one, words) {
	const text = [one.id, one.rule, one.command, one.cause, one.shown, one.root.user, one.root.pid, one.root.unit,
		one.root.container].join(" ").toLowerCase();
	return words.every((word) => text.includes(word));
}

// Puts the rows in order and touches only those that moved: focus and selection stay.
function arrange(body, wanted) {
	const keep = new Set(wanted);
	for (const child of [...body.children]) {
		if (!keep.has(child))
			child.remove();
	}
	wanted.forEach((row, i) => {
		if (body.children[i] !== row)
			body.insertBefore(row, body.children[i] ?? null);
	});
}

let drawnBefore = false;

function drawIncidents() {
	const words = $("#incidents input").value.toLowerCase().split(/\s+/).filter(Boolean);
	const found = newest().filter((one) => fits(one, words));
	const focused = document.activeElement?.closest("#incidents tr") && document.activeElement.getAttribute("href");

	arrange($("#incidents tbody"), found.slice(0, state.rows).map((one) => rowOf(one, drawnBefore)));
	if (focused && document.activeElement?.getAttribute("href") !== focused)
		$(`#incidents a[href="${focused}"]`)?.focus();
	for (const id of rows.keys()) {
		if (!state.incidents.has(id))
			rows.delete(id);
	}
	const more = found.length - state.rows;
	$("#incidents table").hidden = !found.length;
	$("#incidents .empty").hidden = found.length > 0;
	setText($("#incidents .empty"), words.length ? "No incident fits." : "Nothing has happened: no root died in a way that calls for action.");
	$("#incidents .more").hidden = more <= 0 && (state.whole || words.length > 0 || state.incidents.size >= KEPT);
	setText($("#incidents .more"), more > 0 ? `Show more of ${more.toLocaleString("en")}` : "Show older");
	drawnBefore ||= state.metrics !== null;
}

async function moreIncidents() {
	state.rows += 4 * PAGE;
	if (state.rows > state.incidents.size && !state.whole) {
		const before = newest().at(-1)?.id;
		await attempt(async () => {
			state.whole = !(await askIncidents(before ? { before } : {}, 4 * PAGE)).more;
		});
	}
	draw();
}

// Up and down go from row to row, as Tab does.
function stepRow(event) {
	const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
	const next = step && event.target.closest("tr")?.[step]?.querySelector("a");
	if (next) {
		event.preventDefault();
		next.focus();
	}
}

// ---- trees

function drawTrees() {
	const trees = state.trees;
	const now = Date.now();
	const key = trees.map(({ id, members, root }) => `${id} ${members} ${root.exe}`).join() + state.treeRows + Math.floor(now / 30e3);
	const list = $("#trees ul");

	setText($("#trees .note"), trees.length ? many(trees.length, "tree") : "");
	$("#trees .empty").hidden = trees.length > 0 || !state.metrics;
	$("#trees .more").hidden = trees.length <= state.treeRows;
	setText($("#trees .more"), `Show more of ${(trees.length - state.treeRows).toLocaleString("en")}`);
	if (list.dataset.key === key)
		return;
	list.dataset.key = key;
	list.replaceChildren(...[...trees].sort((a, b) => b.id - a.id).slice(0, state.treeRows).map((tree) => {
		const about = [tree.rule, `pid ${tree.root.pid}`, tree.root.user, `for ${span((now - Date.parse(tree.since)) * 1e6)}`,
			`on ${tree.policy.on.join(", ")}`, tree.root.alive ? "" : "its root has ended"];
		return el("li", {}, el("code", {}, short(tree.root)), el("b", {}, many(tree.members, "member")),
			el("small", {}, about.filter(Boolean).map((text) => plain(text)).join(" · ")));
	}));
}

// ---- brake and losses

function loss(name, value, note) {
	return value === undefined ? null : { name, value: value.toLocaleString("en"), kind: value ? "warn" : "good", note };
}

function fill(map, capacity) {
	const used = state.metrics.get("orphand_map_entries", { map });
	return { name: `Map of ${plain(map)}`, value: `${used?.toLocaleString("en") ?? "?"} of ${capacity.toLocaleString("en")}`,
		kind: used > 0.8 * capacity ? "warn" : "good", part: used / capacity };
}

function drawLosses() {
	const { metrics } = state;
	if (!metrics)
		return;
	const armed = metrics.get("orphand_armed");
	const lines = [
		{ name: "Brake", value: armed ? "closed: armed" : "open: nobody is signalled", kind: armed ? "good" : "bad" },
		metrics.get("orphand_observe") ? { name: "Observing", value: "nobody is signalled", kind: "warn" } : null,
		loss("Records lost in the kernel", metrics.get("orphand_events_lost_total") ?? 0),
		...metrics.of("orphand_feed_dropped_total").map(({ labels, value }) => loss(`Dropped on the way: ${plain(labels.sink)}`, value)),
		loss("Maps read whole", metrics.get("orphand_resyncs_total")),
		...metrics.of("orphand_map_capacity").map(({ labels, value }) => fill(labels.map, value)),
	].filter(Boolean);
	const key = JSON.stringify(lines);
	const body = $("#losses tbody");
	if (body.dataset.key === key)
		return;
	body.dataset.key = key;
	body.replaceChildren(...lines.map(({ name, value, kind, part }) => el("tr", {},
		el("th", { scope: "row" }, name),
		el("td", { "data-state": kind }, value,
			part === undefined ? null : el("meter", { value: part, high: "0.8", "aria-label": `${name}, part that is full` })))));
}

// ---- one incident

const dialog = $("#incident");
let shown = null;

function closeIncident() {
	dialog.close();
}

async function openIncident(id) {
	try {
		const incident = await feed.incident(id);
		if (wantedId() !== id)
			return;
		shown = show(dialog, incident, closeIncident, shown?.id === id ? shown.state() : undefined);
	} catch (error) {
		console.warn(error);
		if (shown?.id === id)
			return;
		dialog.replaceChildren(el("header", {}, el("h2", { id: "incident-title" }, "No such incident"),
			el("button", { type: "button", class: "close", "aria-label": "Close", onclick: closeIncident }, "×")),
		el("p", { class: "summary" }, `${brief(id, 60)} is not in the store, or the daemon does not answer.`));
	}
	if (!dialog.open) {
		dialog.showModal();
		shown?.focus();
	}
}

function wantedId() {
	const match = /^#incident\/(.+)$/.exec(location.hash);
	try {
		return match && decodeURIComponent(match[1]);
	} catch {
		return match[1];
	}
}

function route() {
	const id = wantedId();
	if (id)
		openIncident(id);
	else if (dialog.open)
		dialog.close();
}

// ---- what a screen reader is told

const toldOf = new Set();

function announce(ids) {
	const news = ids.map((id) => state.incidents.get(id)).filter((one) => one && !toldOf.has(`${one.id} ${one.shown}`));
	for (const one of news)
		toldOf.add(`${one.id} ${one.shown}`);
	if (toldOf.size > 2 * KEPT)
		toldOf.clear();
	if (!news.length)
		return;
	const [one] = news;
	const text = news.length > 3 ? `${news.length} incidents have changed`
		: `${one.shown}: ${brief(one.command, 60)}, ${one.cause}, ${many(one.survivors, "survivor")}`;
	$("#told").append(el("span", {}, text));
	while ($("#told").childElementCount > 5)
		$("#told").firstElementChild.remove();
}

// ---- all of it

let drawing = 0;

function draw() {
	drawing ||= requestAnimationFrame(() => {
		drawing = 0;
		const hour = lastHour();
		drawVerdict(hour);
		drawFacts(hour);
		drawHour(hour);
		drawIncidents();
		drawTrees();
		drawHistogram($("#reaction"), "orphand_reaction_seconds");
		drawHistogram($("#clear"), "orphand_clear_seconds");
		drawLosses();
	});
}

dialog.addEventListener("close", () => {
	shown = null;
	dialog.replaceChildren();
	if (location.hash)
		history.pushState(null, "", location.pathname);
});
dialog.addEventListener("click", (event) => {
	if (event.target === dialog)
		dialog.close();
});
$("#incidents input").addEventListener("input", draw);
$("#incidents tbody").addEventListener("keydown", stepRow);
$("#incidents .more").addEventListener("click", moreIncidents);
$("#trees .more").addEventListener("click", () => {
	state.treeRows += 4 * PAGE;
	draw();
});
addEventListener("hashchange", route);
document.addEventListener("visibilitychange", () => document.hidden || look());

await first();
state.asked = true;
draw();
feed.follow(["tree.tracked", "tree.ended", "incident.opened", "incident.closed", "brake.opened", "events.lost"], heard, (live) => {
	state.live = live;
	if (live)
		first(); // what was missed meanwhile
	else
		draw();
});
setInterval(look, POLL);
route();
