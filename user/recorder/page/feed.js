// SPDX-License-Identifier: GPL-2.0
// feed.js - what the daemon's feed tells, as objects.

const PATIENCE = 8000; // ms, for one answer

async function get(path) {
	const answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
	if (!answer.ok)
		throw new Error(`${path}: ${answer.status}`);
	return answer;
}

export async function trees() {
	return (await get("/trees")).json();
}

// The newest first; next: the id that another answer begins behind, undefined when this was all.
export async function incidents(query) {
	const answer = await get(`/incidents?${new URLSearchParams(query)}`);
	const [, next] = /[?&]before=(\w+)[^>]*>; *rel="?next/.exec(answer.headers.get("link") ?? "") ?? [];
	return { list: await answer.json(), next };
}

export async function incident(id) {
	return (await get(`/incidents/${encodeURIComponent(id)}`)).json();
}

// ---- metrics

const unescape = (text) => text.replace(/\\(.)/g, (_, char) => (char === "n" ? "\n" : char));

export function samples(text) {
	const found = [];
	for (const line of text.split("\n")) {
		const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
		if (!match)
			continue;
		const labels = {};
		for (const [, key, value] of (match[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g))
			labels[key] = unescape(value);
		found.push({ name: match[1], labels, value: Number(match[3].replace("Inf", "Infinity")) });
	}
	return found;
}

export class Metrics {
	constructor(text) {
		this.samples = samples(text);
	}

	// The sum of all that bear this name and, if given, these labels; undefined: there are none.
	get(name, labels = {}) {
		const found = this.of(name).filter((one) =>
			Object.entries(labels).every(([key, value]) => one.labels[key] === value));
		return found.length ? found.reduce((sum, one) => sum + one.value, 0) : undefined;
	}

	of(name) {
		return this.samples.filter((one) => one.name === name);
	}

	// Each bucket for itself: up to how many seconds, and how many.
	histogram(name) {
		let before = 0;
		return this.of(`${name}_bucket`)
			.map(({ labels, value }) => ({ most: Number(labels.le.replace("+Inf", "Infinity")), value }))
			.sort((a, b) => a.most - b.most)
			.map(({ most, value }) => {
				const count = value - before;
				before = value;
				return { most, count };
			});
	}
}

export async function metrics() {
	return new Metrics(await (await get("/metrics")).text());
}

// ---- events

export function follow(types, heard, changed) {
	const source = new EventSource(`/events?type=${types}`);
	for (const type of types)
		source.addEventListener(`orphand.${type}`, (message) => heard(JSON.parse(message.data)));
	source.addEventListener("open", () => changed(true));
	source.addEventListener("error", () => changed(false));
}
