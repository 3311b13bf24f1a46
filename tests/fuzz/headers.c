// SPDX-License-Identifier: GPL-2.0
/* headers.c - what is read of a request's headers, and addresses. */
#include <stdlib.h>
#include <string.h>

#include "recorder/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* What is an address is written as one that means the same. */
static void try_address(const char *text)
{
	struct address address, again;
	char written[ADDRESS_TEXT_LEN];

	if (address__parse(text, &address))
		return;
	address__format(&address, written, sizeof(written));
	if (address__parse(written, &again) || again.kind != address.kind ||
	    again.loopback != address.loopback)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *text = strndup((const char *)bytes, size);
	struct address address;
	uint64_t number;

	if (!text || address__parse("127.0.0.1:9464", &address))
		return 0;
	request__names_us(text, &address);
	request__takes_openmetrics(text);
	request__has_tag(text, "\"0123456789abcdef\"");
	if (request__bears(text, "0123456789abcdef") && !strstr(text, "0123456789abcdef"))
		abort();
	request__number(text, UINT64_MAX, &number);
	try_address(text);
	free(text);
	return 0;
}
