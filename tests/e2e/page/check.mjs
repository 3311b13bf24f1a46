// SPDX-License-Identifier: GPL-2.0
// check.mjs URL ORPHANCTL SOCKET MODULES [TEST [SHOTS]] - the live page of a real daemon in a real Chromium: one test of
// those below, or all ("") of them. Pictures go into the folder SHOTS. Exits 77, with the reason, when this machine
// can't show a page.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const [url, orphanctl, socket, modules, only, shots] = process.argv.slice(2);
const DEADLINE = 20000; // ms, for whatever must come
const CHROMIUM = "/usr/bin/chromium";
const BIDI = /[\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

function skip(why) {
	console.log(`the live page's test is skipped: ${why}`);
	process.exit(77);
}

function load(name) {
	try {
		return createRequire(`${resolve(modules)}/`)(name);
	} catch (error) {
		return error.code === "MODULE_NOT_FOUND" ? null : assert.fail(error);
	}
}

const playwright = load("playwright-core") ?? skip(`no playwright-core in ${modules} (make deps brings it, where npm's registry can be reached)`);
const axe = load("axe-core");
try {
	accessSync(CHROMIUM);
} catch {
	skip(`no ${CHROMIUM} (make deps brings it)`);
}

// ---- families

const families = [];

async function watched(name, script, ...argv) {
	const child = spawn(orphanctl, ["--socket", socket, "run", "--name", name, "--", "/bin/sh", "-c", script, ...argv],
		{ stdio: ["ignore", "pipe", "inherit"] });
	families.push(child);
	await once(child.stdout, "data"); // it has said that its children are there
	return child;
}

const TWO = "sleep 61 & (sleep 62 & echo >&2; wait) 2>/dev/null & sleep 0.1; echo ready; wait";

const ctl = (...words) => execFileSync(orphanctl, ["--socket", socket, ...words], { encoding: "utf8" });

// ---- the page

// The daemon answers at its socket a little before its feed does.
for (const end = Date.now() + DEADLINE; ; await new Promise((wake) => setTimeout(wake, 50))) {
	try {
		await fetch(url);
		break;
	} catch (error) {
		assert.ok(Date.now() < end, error);
	}
}

const browser = await playwright.chromium.launch({
	executablePath: CHROMIUM,
	chromiumSandbox: process.getuid() !== 0, // which root's can't have
	args: ["--disable-dev-shm-usage", "--disable-gpu"],
});

async function open(options = {}) {
	const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
	const page = await context.newPage();
	page.setDefaultTimeout(DEADLINE);
	page.wrong = [];
	page.on("pageerror", (error) => page.wrong.push(String(error)));
	page.on("console", (message) => message.type() === "error" && page.wrong.push(message.text()));
	page.on("dialog", (dialog) => page.wrong.push(`a script said ${dialog.message()}`));
	page.on("request", (request) => new URL(request.url()).origin === new URL(url).origin ||
		page.wrong.push(`it asked ${request.url()}`));
	page.answer = await page.goto(url);
	await page.locator("#verdict:not([data-state=wait])").waitFor();
	return page;
}

/* A daemon that has no CPU may not answer in time: the feed says so, and the page asks again. */
const isBusy = (text) => text.includes("503 (Service Unavailable)");

const close = async (page) => {
	assert.deepEqual(page.wrong.filter((text) => !isBusy(text)), []);
	await page.context().close();
};

const word = (page, text) => page.locator("#verdict .word", { hasText: new RegExp(`^${text}$`) }).waitFor();
const rowOf = (page, pid) => page.locator("#incidents tbody tr", { hasText: `pid ${pid} ` });

async function picture(page, name) {
	if (shots)
		await page.screenshot({ path: `${shots}/${name}.png` });
}

// ---- what must be so

const tests = {
	// A death is there within a second, without a reload.
	async live() {
		const page = await open();
		const took = [];
		await word(page, "Armed");
		await page.evaluate(() => { window.same = true; });
		for (let i = 0; i < 3 && !took.some((ms) => ms <= 1000); i++) { // a busy machine may be late, not always
			const root = await watched("page-live", TWO);
			await page.locator("#trees li", { hasText: `pid ${root.pid} ` }).waitFor();
			const killed = Date.now();
			root.kill("SIGKILL");
			await rowOf(page, root.pid).waitFor();
			took.push(Date.now() - killed);
			await rowOf(page, root.pid).locator(".badge.cleared").waitFor();
			assert.match(await rowOf(page, root.pid).innerText(), /page-live[^]*SIGKILL from /);
			await page.locator("#told", { hasText: "SIGKILL from" }).waitFor({ state: "attached" });
		}
		assert.ok(took.some((ms) => ms <= 1000), `it took ${took} ms`);
		assert.ok(await page.evaluate(() => window.same), "the page was loaded anew");
		await page.locator("#verdict .says", { hasText: "The last orphans were ended" }).waitFor();
		await page.locator("#hour .bars .cleared").first().waitFor();
		await page.locator("#reaction .bars i").first().waitFor();
		await close(page);
	},

	// The keyboard opens an incident, walks its tree and leaves it.
	async keys() {
		const root = await watched("page-keys", TWO);
		root.kill("SIGKILL");
		const page = await open();
		await rowOf(page, root.pid).locator(".badge.cleared").waitFor();
		await rowOf(page, root.pid).locator("a").focus();
		await page.keyboard.press("ArrowDown");
		await page.keyboard.press("ArrowUp");
		await page.keyboard.press("Enter");

		const items = page.locator("dialog [role=treeitem]");
		await items.first().waitFor();
		assert.ok(await items.count() >= 4, `the root and three survivors, not ${await items.count()}`);
		assert.equal(await items.nth(0).getAttribute("aria-level"), "1");
		assert.match(await items.nth(1).innerText(), /^sleep 61\s+pid\s+\d+\s+SIGKILL \+\d.*gone \+\d.*\s+killed$/s);
		assert.ok(await page.locator("dialog [role=treeitem][aria-level='3']").count(), "a survivor's child is under it");
		assert.match(await page.locator("dialog .summary").innerText(), new RegExp(`Process ${root.pid} .*was killed by SIGKILL from pid ${process.pid} `));

		const focused = () => page.evaluate(() => document.activeElement.getAttribute("aria-level"));
		assert.equal(await focused(), "1");
		await page.keyboard.press("ArrowDown");
		assert.equal(await focused(), "2");
		await page.keyboard.press("Home");
		await page.keyboard.press("ArrowLeft");
		assert.equal(await items.count(), 1, "the root is folded");
		await page.keyboard.press("ArrowRight");
		assert.ok(await items.count() >= 4);
		await page.keyboard.press("End");
		await page.keyboard.press("Enter");
		await page.locator("dialog .pairs dt", { hasText: "exe" }).first().waitFor();
		await picture(page, "incident");
		await page.keyboard.press("Escape");
		await page.locator("dialog").waitFor({ state: "hidden" });
		assert.equal(new URL(page.url()).hash, "");
		await page.goBack(); // opens it again
		await items.first().waitFor();
		await close(page);
	},

	// What a process calls itself is text, whatever it is.
	async hostile() {
		const evil = "<img src=x onerror=alert(1)>\u202egpj.exe\u2066<script>alert(2)</script>\u001b[31m";
		const root = await watched("<b id=bold>bold</b>", "sleep 63 & echo ready; wait", evil);
		const page = await open();
		await page.locator("#trees li", { hasText: `pid ${root.pid} ` }).waitFor();
		root.kill("SIGKILL");
		await rowOf(page, root.pid).locator(".badge.cleared").waitFor();
		await rowOf(page, root.pid).locator("a").click();
		await page.locator("dialog [role=treeitem]").first().press("Enter");
		await page.locator("dialog summary").click();
		const text = await page.locator("body").innerText();
		assert.ok(text.includes("<b id=bold>bold</b>"), "the rule's name is told as it is");
		assert.ok(text.includes("<img src=x onerror=alert(1)>\\u{202e}gpj.exe\\u{2066}<script>alert(2)</script>\\u{1b}[31m"), text);
		assert.ok(!BIDI.test(await page.evaluate(() => document.documentElement.outerHTML)), "nothing turns the line around");
		assert.equal(await page.locator("#bold, main img, dialog img, body script").count(), 0);
		await close(page);
	},

	// It is told when nobody is signalled.
	async disarmed() {
		const page = await open();
		await word(page, "Armed");
		ctl("disarm");
		await word(page, "Disarmed");
		assert.match(await page.title(), /^Disarmed/);
		await picture(page, "disarmed");
		ctl("arm");
		await word(page, "Armed");
		await close(page);
	},

	// It is told when nothing comes any more, and it goes on by itself.
	async offline() {
		const page = await open();
		await page.locator("#link", { hasText: /^live$/ }).waitFor();
		await page.context().setOffline(true);
		await word(page, "Out of touch");
		const root = await watched("page-offline", TWO);
		root.kill("SIGKILL");
		await page.context().setOffline(false);
		await word(page, "Armed");
		await rowOf(page, root.pid).waitFor();
		page.wrong = page.wrong.filter((text) => !text.includes("ERR_INTERNET_DISCONNECTED"));
		await close(page);
	},

	// Thousands of incidents and a family of ten thousand do not hold it up.
	async large() {
		const root = await watched("page-large", TWO);
		root.kill("SIGKILL");
		let page = await open();
		await rowOf(page, root.pid).locator(".badge.cleared").waitFor();
		const [one] = await page.evaluate(async () => (await fetch("/incidents?limit=1")).json());
		await close(page);

		const number = (i) => String(i).padStart(5, "0");
		const large = { ...one, id: `${one.id.slice(0, -5)}ZZZZZ`, survivors: Array.from({ length: 10000 }, (_, i) => ({
			...one.survivors[0], pid: 100000 + i, args: ["worker", number(i)],
			parent_pid: i < 10 ? one.root.pid : 100000 + (i < 5000 ? i - 1 : i % 10),
			start: one.survivors[0].start.replace(/\d{5}Z$/, `${number(i)}Z`),
		})) };
		const list = Array.from({ length: 2100 }, (_, i) => ({
			...one, id: `${one.id.slice(0, -5)}${number(2100 - i)}`, survivors: one.survivors.slice(0, 1),
		}));
		const context = await browser.newContext();
		page = await context.newPage();
		page.setDefaultTimeout(DEADLINE);
		await page.route(/\/incidents\?/, (route) => {
			const query = new URL(route.request().url()).searchParams;
			const from = query.has("before") ? list.findIndex(({ id }) => id === query.get("before")) + 1 : 0;
			const to = from + Number(query.get("limit") ?? 100);
			route.fulfill({ json: list.slice(from, to), headers: to < list.length ? { link: `</incidents?before=${list[to - 1].id}>; rel="next"` } : {} });
		});
		await page.route(new RegExp(`/incidents/${large.id}`), (route) => route.fulfill({ json: large }));
		await page.goto(url);
		await page.locator("#facts", { hasText: "2,000" }).waitFor();
		assert.ok(await page.locator("#incidents tbody tr").count() <= 50);
		await page.locator("#incidents .more").click();
		await page.locator("#incidents tbody tr").nth(200).waitFor();

		// How long the page can do nothing else, while it opens the large one; a busy machine may be slow, not always.
		const longest = [];
		const items = page.locator("dialog [role=treeitem]");
		await page.evaluate(() => new PerformanceObserver((entries) => entries.getEntries().forEach(({ duration }) => {
			window.longest = Math.max(window.longest, duration);
		})).observe({ type: "longtask" }));
		for (let i = 0; i < 3 && !longest.some((ms) => ms < 1500); i++) {
			await page.evaluate((id) => {
				window.longest = 0;
				location.hash = `incident/${id}`;
			}, large.id);
			await items.first().waitFor();
			assert.equal(await items.count(), 200);
			await page.locator("dialog .more").click();
			assert.equal(await items.count(), 400);
			longest.push(await page.evaluate(() => window.longest));
			await page.keyboard.press("Escape");
			await items.first().waitFor({ state: "detached" });
		}
		assert.ok(longest.some((ms) => ms < 1500), `it did nothing else for ${longest} ms`);
		await context.close();
	},

	// Every width from 360 px on is enough, light and dark.
	async fits() {
		const root = await watched("page-fits", TWO);
		root.kill("SIGKILL");
		for (const colorScheme of ["light", "dark"]) {
			const page = await open({ colorScheme });
			const link = rowOf(page, root.pid).locator("a");
			await link.waitFor();
			for (const width of [360, 820, 1440, 2560]) {
				await page.setViewportSize({ width, height: 900 });
				assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${width} px are not enough`);
				await picture(page, `page-${width}-${colorScheme}`);
				await link.click();
				await page.locator("dialog [role=treeitem]").first().waitFor();
				assert.ok(await page.locator("dialog").evaluate((box) => box.scrollWidth <= box.clientWidth), `${width} px are not enough for an incident`);
				await picture(page, `incident-${width}-${colorScheme}`);
				await page.keyboard.press("Escape");
				await page.locator("dialog").waitFor({ state: "hidden" });
			}
			await close(page);
		}
	},

	// Screen readers and weak eyes can use it.
	async access() {
		if (!axe) {
			console.log("not looked at: axe-core is not to be had");
			return;
		}
		const root = await watched("page-access", TWO);
		root.kill("SIGKILL");
		const path = createRequire(`${resolve(modules)}/`).resolve("axe-core/axe.min.js");
		for (const [colorScheme, rules] of [["light", {}], ["dark", { runOnly: ["color-contrast"] }]]) {
			const page = await open({ colorScheme, reducedMotion: "reduce", bypassCSP: true });
			await page.addScriptTag({ path });
			await rowOf(page, root.pid).locator(".badge.cleared").waitFor();
			const look = async (where) => {
				const { violations } = await page.evaluate((options) => window.axe.run(options), rules);
				assert.deepEqual(violations.map(({ id, nodes }) => `${where}: ${id}: ${nodes.map(({ html, any }) => `${html} ${any[0]?.message}`)}`), []);
			};
			await look("page");
			await rowOf(page, root.pid).locator("a").click();
			await page.locator("dialog [role=treeitem]").first().waitFor();
			await look("incident");
			await close(page);
		}
	},

	// The browser holds it to its policy.
	async policy() {
		const page = await open();
		const headers = page.answer.headers();
		assert.match(headers["content-security-policy"], /^default-src 'none'/);
		assert.ok(!/unsafe/.test(headers["content-security-policy"]));
		assert.equal(headers["x-content-type-options"], "nosniff");
		assert.ok(headers.etag);
		const again = await page.request.get(url, { headers: { "if-none-match": headers.etag } });
		assert.equal(again.status(), 304);
		const refused = await page.evaluate(() => {
			try {
				document.body.innerHTML = "<b>markup</b>";
				return "";
			} catch (error) {
				return String(error);
			}
		});
		assert.match(refused, /TrustedHTML/);
		await page.context().close();
	},
};

assert.ok(!only || tests[only], `${only}: no such test`);
let failed = 0;
try {
	for (const [name, test] of Object.entries(tests).filter(([name]) => !only || name === only)) {
		try {
			await test();
			console.log(`passed: ${name}`);
		} catch (error) {
			failed++;
			console.error(`failed: ${name}: ${error.stack}`);
		}
	}
} finally {
	for (const child of families)
		child.kill("SIGKILL");
	await browser.close();
}
process.exit(failed ? 1 : 0);
