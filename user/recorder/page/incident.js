// SPDX-License-Identifier: GPL-2.0
// incident.js - one incident: who was left of the family, and what came to each, from the death on.
import { between, brief, cause, clock, command, died, el, many, plain, short, span } from "./text.js";

const PAGE = 200; // rows at a time: a family of 10,000 must not hold the browser up
const LARGE = 20; // survivors; in more than that, who is stuck is shown first
const DEEPEST = 12; // levels that are still indented

// ---- the family

// A pid can have been somebody else's: a parent is older than its child.
function parentOf(node, byPid) {
	return byPid.get(node.process.parent_pid)
		?.findLast((other) => other !== node && other.process.start < node.process.start);
}

export function family(incident) {
	const root = { process: incident.root, children: [], level: 1 };
	const nodes = incident.survivors.map((process) => ({ process, children: [] }))
		.sort((a, b) => (a.process.start < b.process.start ? -1 : 1));
	const byPid = new Map();

	for (const node of nodes) {
		const { pid } = node.process;
		byPid.get(pid)?.push(node) ?? byPid.set(pid, [node]);
	}
	for (const node of nodes) {
		node.parent = parentOf(node, byPid) ?? root;
		node.stray = node.parent === root && node.process.parent_pid !== root.process.pid;
		node.level = node.parent.level + 1; // parents come first: they are older
		node.parent.children.push(node);
	}
	return { root, nodes };
}

// From the top down, without what is folded; no recursion: a family can be a chain.
export function* unfolded(root, folded) {
	const left = [root];
	while (left.length) {
		const node = left.pop();
		yield node;
		if (!folded.has(node)) {
			for (let i = node.children.length - 1; i >= 0; i--)
				left.push(node.children[i]);
		}
	}
}

// ---- the view

const badge = (outcome) => el("span", { class: `badge ${outcome}` }, outcome);

function offset(story, at) {
	return between(story.died.at, at) + story.died.plus;
}

function signalsOf(story, process) {
	return (process.signals ?? []).map(({ signal, at, by }) => ({ signal, by, at: offset(story, at) }));
}

function told(story, node) {
	const { process } = node;
	const signals = signalsOf(story, process).map(({ signal, at }) => `${signal} +${span(at)}`);
	return [...signals, process.gone && `gone +${span(offset(story, process.gone))}`,
		process.reason && plain(process.reason)].filter(Boolean).join(", ");
}

// Where on the timeline: as good as linear up to the first thing that happened, then logarithmic,
// so that microseconds and a grace of seconds are both in sight.
function partOf(story, ns) {
	const part = Math.log1p(Math.max(0, ns) / story.first) / Math.log1p(story.length / story.first);
	return Math.min(1, part);
}

function timeAt(story, part) {
	return story.first * Math.expm1(part * Math.log1p(story.length / story.first));
}

function track(story, node) {
	const { process } = node;
	const part = (ns) => `${100 * partOf(story, ns)}%`;
	const box = el("span", { class: "track", "aria-hidden": "true" });
	if (node === story.family.root)
		return box;
	const life = el("i", { class: `life ${process.outcome}` });
	life.style.width = process.gone ? part(offset(story, process.gone)) : "100%";
	box.append(life);
	for (const { signal, at, by } of signalsOf(story, process)) {
		const mark = el("i", { class: "mark", title: `${signal} +${span(at)}, by the ${by}` });
		mark.style.left = part(at);
		box.append(mark);
	}
	return box;
}

function facts(pairs) {
	const list = el("dl", { class: "pairs" });
	for (const [name, value] of pairs) {
		if (value || value === 0)
			list.append(el("dt", {}, name), el("dd", {}, value instanceof Node ? value : plain(value)));
	}
	return list;
}

function details(story, node) {
	const { process } = node;
	const box = facts([
		["command", command(process)],
		["pid", `${process.pid}, parent ${process.parent_pid}${node.stray ? " (it had left its parent before)" : ""}`],
		["exe", process.exe],
		["user", process.user ?? process.uid],
		["started", process.start],
		["container", [process.runtime, process.container].filter(Boolean).join(" ")],
		["pod", process.pod],
		["unit", process.unit],
		...signalsOf(story, process).map(({ signal, at, by }) => ["signal", `${signal} +${span(at)}, by the ${by}`]),
		["gone", process.gone && `${process.gone}${process.exit_signal ? ` by ${process.exit_signal}` : ""}`],
		["state", process.state],
		["kernel stack", process.stack && el("pre", {}, plain(process.stack).replaceAll("\\u{a}", "\n"))],
	]);
	box.addEventListener("click", (event) => event.stopPropagation()); // to be selected and copied
	return box;
}

function row(story, node) {
	const { process } = node;
	const isRoot = node === story.family.root;
	const outcome = isRoot ? "died" : process.outcome;
	const item = el("li", {
		role: "treeitem",
		tabindex: "-1",
		"aria-level": node.level,
		"aria-expanded": node.children.length && !story.only ? String(!story.folded.has(node)) : null,
	},
	el("span", { class: "who" },
		el("span", { class: "twist", "aria-hidden": "true" }),
		el("code", {}, short(process)),
		el("span", { class: "pid" }, el("span", { class: "unseen" }, " pid "), process.pid, node.stray ? ", stray" : null)),
	track(story, node),
	el("span", { class: "told" }, isRoot ? null : told(story, node)),
	badge(outcome),
	story.opened.has(node) ? details(story, node) : null);

	item.style.setProperty("--level", story.only ? 0 : Math.min(node.level - 1, DEEPEST));
	story.nodeOf.set(item, node);
	return item;
}

function* wanted(story) {
	if (!story.only) {
		yield* unfolded(story.family.root, story.folded);
		return;
	}
	for (const node of story.family.nodes) {
		if (node.process.outcome === story.only)
			yield node;
	}
}

function fill(story) {
	const items = [];
	let more = 0;
	for (const node of wanted(story)) {
		if (items.length < story.shown)
			items.push(row(story, node));
		else
			more++;
	}
	const at = items.find((item) => story.nodeOf.get(item) === story.current) ?? items[0];
	at?.setAttribute("tabindex", "0");
	story.tree.replaceChildren(...items);
	story.more.hidden = !more;
	story.more.textContent = `Show ${Math.min(more, PAGE)} more of ${more.toLocaleString("en")}`;
	return at;
}

function focusOn(story, item) {
	story.tree.querySelector('[tabindex="0"]')?.setAttribute("tabindex", "-1");
	item.setAttribute("tabindex", "0");
	story.current = story.nodeOf.get(item);
	item.focus();
}

function toggle(story, set, node) {
	if (!set.delete(node))
		set.add(node);
	story.current = node;
	fill(story)?.focus();
}

// The keys of a tree, as screen readers and file managers have them.
function pressed(story, event) {
	const item = event.target.closest("li");
	const node = story.nodeOf.get(item);
	const items = [...story.tree.children];
	const at = items.indexOf(item);
	const go = (to) => to && focusOn(story, to);
	const fold = node && story.folded.has(node);
	const acts = {
		ArrowDown: () => go(items[at + 1]),
		ArrowUp: () => go(items[at - 1]),
		Home: () => go(items[0]),
		End: () => go(items.at(-1)),
		ArrowRight: () => (fold ? toggle(story, story.folded, node) : node.children.length && go(items[at + 1])),
		ArrowLeft: () => (node.children.length && !fold && !story.only ? toggle(story, story.folded, node)
			: go(items.find((one) => story.nodeOf.get(one) === node.parent))),
		Enter: () => toggle(story, story.opened, node),
		" ": () => toggle(story, story.opened, node),
	};
	if (!node || !acts[event.key] || event.ctrlKey || event.metaKey || event.altKey)
		return;
	event.preventDefault();
	acts[event.key]();
}

function clicked(story, event) {
	const node = story.nodeOf.get(event.target.closest("li"));
	const twisted = event.target.classList.contains("twist") && node.children.length;
	if (node)
		toggle(story, twisted ? story.folded : story.opened, node);
}

function stuckOf(nodes) {
	return nodes.filter(({ process }) => process.outcome === "stuck");
}

// Who is stuck among ten thousand is what somebody comes to see.
function firstLook(nodes) {
	return nodes.length > LARGE && stuckOf(nodes).length ? "stuck" : "";
}

function choices(story) {
	const counts = new Map();
	for (const { process } of story.family.nodes)
		counts.set(process.outcome, (counts.get(process.outcome) ?? 0) + 1);
	if (counts.size < 2)
		return null;
	const all = ["", story.family.nodes.length];
	const box = el("div", { class: "choices", role: "group", "aria-label": "Which survivors" });
	for (const [outcome, count] of [all, ...counts]) {
		box.append(el("button", {
			type: "button",
			"aria-pressed": String(story.only === outcome),
			onclick: (event) => {
				story.only = outcome;
				story.shown = PAGE;
				for (const other of box.children)
					other.setAttribute("aria-pressed", String(other === event.target));
				fill(story);
			},
		}, `${outcome || "all"} ${count.toLocaleString("en")}`));
	}
	return box;
}

function summary(incident) {
	const { root, cause: why, survivors } = incident;
	const tail = [
		incident.reaction_ns && `The last one was signalled ${span(incident.reaction_ns)} after the death`,
		incident.clear_ns && `the last one was gone after ${span(incident.clear_ns)}`,
	].filter(Boolean).join("; ");
	return el("p", { class: "summary", id: "incident-summary" }, `Process ${root.pid} of user ${plain(root.user)} `,
		el("b", {}, cause(why, true)), " at ", clock(incident.opened),
		`. ${survivors.length ? many(survivors.length, "survivor") : "Nobody survived"}.${tail ? ` ${tail}.` : ""}`);
}

function flags(incident) {
	return [incident.state === "open" && "still open", incident.observed && "observed only",
		incident.reconstructed && "the death happened while no daemon ran"].filter(Boolean).join(", ");
}

function about({ id, host, rule, tree, root, opened, closed, cause: { sender } }) {
	return el("details", {},
		el("summary", {}, "All that is known"),
		facts([
			["incident", id], ["rule", rule], ["tree", tree], ["host", host.name], ["boot", host.boot_id],
			["root", command(root)], ["exe", root.exe],
			["pid", `${root.pid}, parent ${root.parent_pid}${root.vpid && root.vpid !== root.pid ? `, ${root.vpid} in its PID namespace` : ""}`],
			["started", root.start], ["opened", opened], ["closed", closed],
			["sender", sender && `${sender.pid} ${sender.exe || sender.comm}, user ${sender.user}`],
			["cgroup", root.cgroup], ["container", [root.runtime, root.container].filter(Boolean).join(" ")],
			["pod", root.pod], ["unit", root.unit],
		]),
		el("p", {}, el("a", { href: `/incidents/${encodeURIComponent(id)}` }, "As JSON"), "; in a shell: ",
			el("code", {}, `orphanctl show ${plain(id)}`)));
}

function axis(story) {
	const label = (part) => el("span", {}, part ? `+${span(timeAt(story, part))}` : "death");
	return el("p", { class: "axis", "aria-hidden": "true" }, el("span", {}, label(0), label(0.5), label(1)));
}

// The timeline's first and last moment: to the last end, or to now while somebody lives.
function bounds(story, incident) {
	const times = incident.survivors.flatMap(({ gone, signals }) => [gone, signals[0]?.at, signals.at(-1)?.at])
		.filter(Boolean).map((at) => offset(story, at));
	if (incident.state === "open")
		times.push(offset(story, new Date().toISOString()));
	story.first = times.reduce((least, at) => Math.min(least, at), Infinity);
	story.first = Math.max(1e3, Number.isFinite(story.first) ? story.first : 0);
	story.length = times.reduce((most, at) => Math.max(most, at), story.first);
}

// Puts the incident into the box, and gives a function that puts in another state of the same.
export function show(box, incident, close, before) {
	const key = (node) => `${node.process.pid} ${node.process.start}`;
	const kept = (set, nodes) => new Set(nodes.filter((node) => set?.has(key(node))));
	const story = { died: died(incident), family: family(incident), nodeOf: new WeakMap() };
	const everyone = [story.family.root, ...story.family.nodes];

	bounds(story, incident);
	story.only = before?.only ?? firstLook(story.family.nodes);
	story.shown = before?.shown ?? PAGE;
	story.folded = kept(before?.folded, everyone);
	story.opened = before ? kept(before.opened, everyone) : new Set(stuckOf(story.family.nodes).slice(0, 3));
	story.current = everyone.find((node) => key(node) === before?.current);
	story.tree = el("ul", { role: "tree", "aria-label": "The root and its survivors" });
	story.more = el("button", { type: "button", class: "more", hidden: true,
		onclick: () => { story.shown += PAGE; fill(story); } });
	story.tree.addEventListener("keydown", (event) => pressed(story, event));
	story.tree.addEventListener("click", (event) => clicked(story, event));

	const open = incident.state === "open";
	const head = el("header", {},
		el("h2", { id: "incident-title" }, el("code", {}, brief(command(incident.root), 200))),
		badge(open && incident.outcome !== "stuck" ? "open" : incident.outcome),
		el("button", { type: "button", class: "close", "aria-label": "Close", onclick: close }, "×"));
	const scrolled = before ? box.scrollTop : 0;
	const hadFocus = before && story.current && box.contains(document.activeElement);

	box.replaceChildren(head, summary(incident), ...flags(incident) ? [el("p", { class: "flags" }, flags(incident))] : [],
		...[choices(story)].filter(Boolean), axis(story), story.tree, story.more, about(incident));
	const at = fill(story);
	box.scrollTop = scrolled;
	if (hadFocus)
		at?.focus();
	return {
		id: incident.id,
		focus: () => at?.focus(),
		state: () => ({
			only: story.only,
			shown: story.shown,
			folded: new Set([...story.folded].map(key)),
			opened: new Set([...story.opened].map(key)),
			current: story.current && key(story.current),
		}),
	};
}
