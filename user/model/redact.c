// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "model/redact.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* Quotes in quotes that are told apart. */
#define DEEPEST 8

/* fnmatch sees no more than these: of a name its end, of a value its beginning. */
#define NAME_MOST 128
#define VALUE_MOST 256

static const char *const default_names[] = {
	"*passw*",	"*passphrase*",	 "pass",	  "*[_.-]pass",	   "*storepass",
	"*keypass",	"*[_.-]pwd",	 "*secret*",	  "*token",	   "*api*key*",
	"*access*key*", "*private*key*", "*account*key*", "*encrypt*key*", "*signing*key*",
	"*master*key*", "*shared*key*",	 "*auth*key*",	  "*credential*",  "*authorization",
	"*cookie",	"*bearer*",	 "*jwt",	  "*signature",	   "*connection*string*",
	"sig",
};

/* A JWT, like all JSON in base64, begins with eyJ; its end may have been cut off. */
static const char *const default_values[] = {
	"ghp_*",  "gho_*",  "ghu_*",  "ghs_*",	"ghr_*",  "github_pat_*", "glpat-*", "sk-*",
	"sk_*_*", "rk_*_*", "xox?-*", "xapp-*", "AKIA*",  "ASIA*",	  "AIza*",   "ya29.*",
	"eyJ*",	  "hvs.*",  "hvb.*",  "npm_*",	"pypi-*", "dckr_*",	  "SG.*.*",  "-----BEGIN*",
};

int redactor__add(struct redactor *redactor, const char *pattern)
{
	if (!*pattern || strcmp(pattern, "=") == 0)
		return -EINVAL;
	if (strcmp(pattern, "default") == 0) {
		redactor->defaults = true;
		return 0;
	}
	return *pattern == '=' ? globs__add(&redactor->values, pattern + 1)
			       : globs__add(&redactor->names, pattern);
}

void redactor__free(struct redactor *redactor)
{
	globs__free(&redactor->names);
	globs__free(&redactor->values);
}

/* ---- patterns */

static bool fits_name(const char *const *globs, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (fnmatch(globs[i], name, FNM_CASEFOLD) == 0)
			return true;
	}
	return false;
}

/* Of a secret, without the dashes of an option. */
static bool is_secret_name(const struct redactor *redactor, const char *from, const char *to)
{
	char name[NAME_MOST + 1];

	while (from < to && *from == '-')
		from++;
	if (to - from > NAME_MOST)
		from = to - NAME_MOST;
	memcpy(name, from, (size_t)(to - from));
	name[to - from] = '\0';
	return *name &&
	       ((redactor->defaults && fits_name(default_names, COUNT(default_names), name)) ||
		fits_name((const char *const *)redactor->names.at, redactor->names.count, name));
}

static bool fits_value(const char *const *globs, size_t count, const char *value, size_t len)
{
	for (size_t i = 0; i < count; i++) {
		size_t literal = strcspn(globs[i], "*?[\\");

		/* most differ in what is literal */
		if (literal <= len && memcmp(globs[i], value, literal) == 0 &&
		    fnmatch(globs[i], value, 0) == 0)
			return true;
	}
	return false;
}

static bool is_secret_value(const struct redactor *redactor, const char *from, const char *to)
{
	size_t len = to - from > VALUE_MOST ? VALUE_MOST : (size_t)(to - from);
	char value[VALUE_MOST + 1];

	memcpy(value, from, len);
	value[len] = '\0';
	return (redactor->defaults &&
		fits_value(default_values, COUNT(default_values), value, len)) ||
	       fits_value((const char *const *)redactor->values.at, redactor->values.count, value,
			  len);
}

/* ---- characters */

static bool is_one_of(char c, const char *set)
{
	return c && strchr(set, c);
}

static bool is_blank(char c)
{
	return is_one_of(c, " \t\r\n");
}

/* No name goes on over one, and no value that isn't quoted over any but the last two: they are of
 * base64. */
static bool is_border(char c)
{
	return is_blank(c) || is_one_of(c, "\"'`\\=:,;&?#{}()[]<>|$@/+");
}

/* One that was escaped so often: in "sh -c \"...\"" the inner quotes are others than the outer. */
struct quote {
	char mark;
	unsigned slashes;
};

static bool same_quote(struct quote a, struct quote b)
{
	return a.mark == b.mark && a.slashes == b.slashes;
}

/* How long the quote is that stands there, 0: none does. */
static size_t quote_at(const char *at, const char *end, struct quote *quote)
{
	const char *mark = at;

	while (mark < end && *mark == '\\')
		mark++;
	if (mark == end || !is_one_of(*mark, "\"'`"))
		return 0;
	*quote = (struct quote){ *mark, (unsigned)(mark - at) };
	return (size_t)(mark + 1 - at);
}

/* The next such quote, NULL: there is none. */
static const char *find_quote(const char *at, const char *end, struct quote wanted)
{
	while (at < end) {
		struct quote quote;
		size_t n = quote_at(at, end, &quote);

		if (n && same_quote(quote, wanted))
			return at;
		if (!n && *at == '\\' && at + 1 < end)
			n = 2;
		at += n ? n : 1;
	}
	return NULL;
}

/* ---- reading an argument */

struct scan {
	const struct redactor *redactor;
	const char *start, *at, *end; /* of this argument */
	const char *context;	      /* where a text began that may be a value as a whole */
	struct quote open[DEEPEST];
	unsigned depth;
	bool cut;     /* the argument went on */
	bool awaited; /* the value of the option before, which is a secret */
	bool hidden;  /* something was */
	char *out;
	size_t used;
};

static void emit(struct scan *scan, const char *text, size_t len)
{
	size_t room = ARGS_LEN - scan->used;

	if (len > room)
		len = room;
	memcpy(scan->out + scan->used, text, len);
	scan->used += len;
}

static void pass(struct scan *scan, const char *to)
{
	emit(scan, scan->at, (size_t)(to - scan->at));
	scan->at = to;
}

/* An empty one is no secret. */
static void hide(struct scan *scan, const char *to)
{
	if (to == scan->at)
		return;
	emit(scan, REDACTED, strlen(REDACTED));
	scan->at = to;
	scan->hidden = true;
}

static bool closes(const struct scan *scan, struct quote quote)
{
	return scan->depth && same_quote(quote, scan->open[scan->depth - 1]);
}

/* An apostrophe in a word opens nothing. */
static void read_quote(struct scan *scan, struct quote quote, size_t n)
{
	if (closes(scan, quote)) {
		scan->depth--;
		if (scan->context == scan->at) /* "": there is no value to await */
			scan->awaited = false;
	} else if (scan->depth < DEEPEST && (scan->at == scan->start || is_border(scan->at[-1]))) {
		scan->open[scan->depth++] = quote;
		scan->context = scan->at + n;
	}
	pass(scan, scan->at + n);
}

static void read_border(struct scan *scan)
{
	struct quote quote;
	size_t n = quote_at(scan->at, scan->end, &quote);

	if (n)
		read_quote(scan, quote, n);
	else
		pass(scan, scan->at + 1);
}

/* Up to the quote that closes, or all of it. */
static const char *context_end(const struct scan *scan, const char *from)
{
	const char *close = scan->depth ? find_quote(from, scan->end, scan->open[scan->depth - 1])
					: NULL;

	return close ? close : scan->end;
}

/* As a shell reads it: over quotes, to a blank or the quote that it stands in. */
static const char *word_end(const struct scan *scan, const char *from)
{
	const char *at = from;

	while (at < scan->end && !is_blank(*at)) {
		struct quote quote;
		size_t n = quote_at(at, scan->end, &quote);
		const char *close;

		if (n && closes(scan, quote))
			break;
		close = n ? find_quote(at + n, scan->end, quote) : NULL;
		if (close)
			at = close + n;
		else if (n && !quote.slashes)
			at = scan->end;
		else if (*at == '\\' && !n && at + 1 < scan->end)
			at += 2;
		else
			at += n ? n : 1;
	}
	if (at > from && at[-1] == ';' && at - 1 > from) /* a shell's, not the word's */
		at--;
	return at;
}

static const char *value_end(const struct scan *scan)
{
	return scan->at == scan->context ? context_end(scan, scan->at) : word_end(scan, scan->at);
}

/* Behind a quoted value: "a"b is one word. */
static void hide_rest_of_word(struct scan *scan)
{
	struct quote quote;
	size_t n = quote_at(scan->at, scan->end, &quote), more;

	if (!n || !closes(scan, quote))
		return;
	read_quote(scan, quote, n);
	if (scan->at == scan->end || is_one_of(*scan->at, ",;:)]}&|> \t\r\n"))
		return;
	more = quote_at(scan->at, scan->end, &quote);
	if (!more || !closes(scan, quote))
		scan->at = word_end(scan, scan->at);
}

static void hide_value(struct scan *scan)
{
	bool whole = scan->at == scan->context;

	hide(scan, value_end(scan));
	if (whole)
		hide_rest_of_word(scan);
}

static const char *run_end(const struct scan *scan, const char *at, const char *over)
{
	while (at < scan->end && (!is_border(*at) || is_one_of(*at, over)))
		at++;
	return at;
}

/* ---- values by themselves */

/* A key in PEM is one value, whatever blanks it has. */
static const char *pem_end(const struct scan *scan)
{
	static const char begin[] = "-----BEGIN", finish[] = "-----END";
	size_t room = (size_t)(scan->end - scan->at);
	const char *at, *close;

	if (room < sizeof(begin) - 1 || memcmp(scan->at, begin, sizeof(begin) - 1) != 0)
		return NULL;
	at = memmem(scan->at, room, finish, sizeof(finish) - 1);
	if (!at)
		return context_end(scan, scan->at);
	at += sizeof(finish) - 1;
	close = memmem(at, (size_t)(scan->end - at), "-----", 5);
	return close ? close + 5 : context_end(scan, at);
}

static const char *base64_end(const struct scan *scan)
{
	const char *at = run_end(scan, scan->at, "/+");

	while (at < scan->end && *at == '=')
		at++;
	return at;
}

static bool read_secret_value(struct scan *scan)
{
	const char *pem = pem_end(scan);
	const char *run = base64_end(scan);
	bool begins = scan->at == scan->start || scan->at == scan->context ||
		      is_blank(scan->at[-1]) || is_one_of(scan->at[-1], "=:\"'`");

	if (pem && is_secret_value(scan->redactor, scan->at, pem))
		hide(scan, pem);
	else if (begins && is_secret_value(scan->redactor, scan->at, value_end(scan)))
		hide_value(scan);
	else if (is_secret_value(scan->redactor, scan->at, run))
		hide(scan, run);
	else
		return false;
	return true;
}

/* ---- URLs */

static const char *last_of(const char *from, const char *to, char c)
{
	return memrchr(from, c, (size_t)(to - from));
}

static const char *first_of(const char *from, const char *to, const char *set)
{
	while (from < to && !is_one_of(*from, set))
		from++;
	return from;
}

/* Behind "://": the password of "user:password@host". One with a slash in it is none that a URL
 * can have, but is given all the same; only a port is made of digits. */
static void read_authority(struct scan *scan)
{
	const char *stop = first_of(scan->at, scan->end, " \t\r\n\"'`<>");
	const char *path = first_of(scan->at, stop, "/?#");
	const char *colon = first_of(scan->at, path, ":"), *host;

	if (colon == path)
		return;
	host = last_of(scan->at, path, '@');
	if (!host && strspn(colon + 1, "0123456789") < (size_t)(path - colon - 1))
		host = last_of(path, stop, '@');
	if (!host && path == scan->end && scan->cut)
		host = scan->end; /* who knows what stood behind it */
	if (!host || host < colon)
		return;
	if (is_secret_value(scan->redactor, scan->at, colon))
		hide(scan, colon);
	pass(scan, colon + 1);
	hide(scan, host);
}

/* ---- values by their names */

enum form {
	FORM_NONE = 0,
	FORM_ASSIGNMENT, /* name=value */
	FORM_HEADER,	 /* name: value */
	FORM_MEMBER,	 /* "name": value */
};

/* How the name goes on that ends there, and where its value begins. */
static enum form form_of(const struct scan *scan, const char *at, const char **value)
{
	struct quote quote;
	size_t n = quote_at(at, scan->end, &quote);
	bool quoted = n && closes(scan, quote);
	const char *sign;

	if (quoted)
		at += n;
	if (at < scan->end && *at == ']')
		at++;
	sign = at;
	while (sign < scan->end && is_blank(*sign))
		sign++;
	if (sign + 1 < scan->end && is_one_of(*sign, "+?!") && is_one_of(sign[1], "=:"))
		sign++;
	if (sign == scan->end || !is_one_of(*sign, "=:") ||
	    (scan->end - sign > 2 && memcmp(sign, "://", 3) == 0))
		return FORM_NONE;
	*value = sign;
	while (*value < scan->end && is_one_of(**value, "=:>~"))
		++*value;
	if (*sign == ':' || is_blank(*at))
		while (*value < scan->end && is_blank(**value))
			++*value;
	return *sign == '=' ? FORM_ASSIGNMENT : quoted ? FORM_MEMBER : FORM_HEADER;
}

static void hide_assigned(struct scan *scan, const char *name)
{
	if (name > scan->start && is_one_of(name[-1], "?&#"))
		hide(scan, first_of(scan->at, word_end(scan, scan->at), "&#\"'`"));
	else if (name == scan->context)
		hide(scan, context_end(scan, scan->at));
	else
		hide(scan, word_end(scan, scan->at));
}

static void hide_member(struct scan *scan)
{
	struct quote quote;
	size_t n = quote_at(scan->at, scan->end, &quote);

	if (n && !closes(scan, quote)) {
		read_quote(scan, quote, n);
		hide_value(scan);
	} else if (scan->at < scan->end && is_one_of(*scan->at, "[{")) {
		hide(scan, context_end(scan, scan->at));
	} else {
		hide(scan, first_of(scan->at, word_end(scan, scan->at), ",]})"));
	}
}

/* The name at scan->at, and its value when that is a secret. */
static void read_name(struct scan *scan)
{
	const char *name = scan->at, *end = run_end(scan, name, ""), *value;
	enum form form = form_of(scan, end, &value);
	bool option = form == FORM_NONE && *name == '-';

	pass(scan, end);
	if ((form == FORM_NONE && !option) || !is_secret_name(scan->redactor, name, end))
		return;
	scan->awaited = option;
	if (option)
		return;
	while (scan->at < value)
		read_border(scan);
	if (form == FORM_ASSIGNMENT)
		hide_assigned(scan, name);
	else if (form == FORM_HEADER)
		hide(scan, context_end(scan, scan->at));
	else
		hide_member(scan);
}

/* What was awaited. It may look like an option, and be one: then its value is awaited, too. */
static void read_awaited(struct scan *scan, const char *to)
{
	scan->awaited = *scan->at == '-' && run_end(scan, scan->at, "") == to &&
			is_secret_name(scan->redactor, scan->at, to);
}

static bool is_value_here(struct scan *scan)
{
	struct quote quote;

	if (!scan->awaited || is_blank(*scan->at) || *scan->at == ',' ||
	    quote_at(scan->at, scan->end, &quote))
		return false;
	if (is_one_of(*scan->at, ";|&)")) /* the command ends here */
		scan->awaited = false;
	return scan->awaited;
}

static void read_text(struct scan *scan)
{
	while (scan->at < scan->end) {
		if (is_value_here(scan)) {
			read_awaited(scan, value_end(scan));
			hide_value(scan);
		} else if (scan->end - scan->at > 3 && memcmp(scan->at, "://", 3) == 0) {
			pass(scan, scan->at + 3);
			read_authority(scan);
		} else if (is_border(*scan->at)) {
			read_border(scan);
		} else if (!read_secret_value(scan)) {
			read_name(scan);
		}
	}
}

/* ---- arguments */

/* "-c", "-lc": a script is next. */
static bool announces_script(const char *arg, size_t len)
{
	return len >= 2 && len <= 8 && arg[0] == '-' && arg[1] != '-' && arg[len - 1] == 'c';
}

static void read_argument(struct scan *scan, const char *arg, size_t len, bool script)
{
	scan->start = scan->at = arg;
	scan->end = arg + len;
	scan->context = script ? NULL : arg; /* elsewhere the shell has made the words already */
	scan->depth = 0;
	if (scan->awaited && len) {
		read_awaited(scan, scan->end);
		hide(scan, scan->end);
	} else if (is_secret_value(scan->redactor, arg, scan->end)) {
		hide(scan, scan->end);
	} else {
		scan->awaited = false;
		read_text(scan);
	}
}

bool redactor__apply(const struct redactor *redactor, const char *args, size_t len,
		     char out[static ARGS_LEN], size_t *out_len)
{
	struct scan scan = { .redactor = redactor, .out = out };
	bool script = false;

	if (!redactor->defaults && !redactor->names.count && !redactor->values.count)
		return false;
	for (const char *at = args, *end = args + len; at < end;) {
		size_t one = strnlen(at, (size_t)(end - at));

		scan.cut = at + one == end && len == ARGS_LEN;
		read_argument(&scan, at, one, script);
		script = announces_script(at, one);
		at += one;
		if (at < end)
			emit(&scan, at++, 1);
	}
	*out_len = scan.used;
	return scan.hidden;
}
