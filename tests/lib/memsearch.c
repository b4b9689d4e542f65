/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Searches another process's memory for a text in all the forms it may have.
 */
#include "tests/lib/memsearch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FORMS       7
#define MAPPING_MAX (256ul << 20) /* larger ones are a sanitizer's shadow, terabytes of it */

struct form {
	const char *name;
	uint8_t bytes[512];
	size_t len;
};

/* What of a base64 text does not depend on the bytes around it. */
static void base64_inner(struct form *f, const uint8_t *in, size_t len, size_t skip)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t from = (3 - skip) % 3;
	f->len = 0;
	for (size_t i = from; i + 3 <= len; i += 3) {
		uint32_t v = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 | in[i + 2];
		for (int k = 18; k >= 0; k -= 6)
			f->bytes[f->len++] = (uint8_t)digits[v >> k & 63];
	}
}

static void make_forms(struct form f[FORMS], const char *text)
{
	static const char *const hex[] = {"0123456789abcdef", "0123456789ABCDEF"};
	const uint8_t *in = (const uint8_t *)text;
	size_t len = strlen(text);
	memset(f, 0, FORMS * sizeof(*f));
	f[0].name = "UTF-8";
	memcpy(f[0].bytes, in, len);
	f[0].len = len;
	f[1].name = "UTF-16LE";
	for (size_t i = 0; i < len; i++)
		f[1].bytes[2 * i] = in[i];
	f[1].len = 2 * len - 1;
	for (int k = 0; k < 2; k++) {
		f[2 + k].name = "hex";
		for (size_t i = 0; i < len; i++) {
			f[2 + k].bytes[2 * i] = (uint8_t)hex[k][in[i] >> 4];
			f[2 + k].bytes[2 * i + 1] = (uint8_t)hex[k][in[i] & 15];
		}
		f[2 + k].len = 2 * len;
	}
	for (size_t k = 0; k < 3; k++) {
		f[4 + k].name = "base64";
		base64_inner(&f[4 + k], in, len, k);
	}
}

const uint8_t *memsearch_bytes(const uint8_t *bytes, size_t len, const char *text)
{
	struct form f[FORMS];
	make_forms(f, text);
	for (size_t i = 0; i < FORMS; i++) {
		const uint8_t *at = len > 0 ? memmem(bytes, len, f[i].bytes, f[i].len) : NULL;
		if (at != NULL)
			return at;
	}
	return NULL;
}

static char *search_range(int mem, const struct form *f, unsigned long from, unsigned long to,
                          size_t *readable)
{
	static uint8_t chunk[(1u << 20) + 1024];
	size_t keep = 0;
	for (unsigned long at = from; at < to;) {
		size_t want = to - at < (1u << 20) ? to - at : 1u << 20;
		ssize_t n = pread(mem, chunk + keep, want, (off_t)at);
		if (n <= 0) /* not ours to read */
			return NULL;
		*readable += (size_t)n;
		for (size_t i = 0; i < FORMS; i++) {
			const uint8_t *hit = memmem(chunk, keep + (size_t)n, f[i].bytes, f[i].len);
			if (hit != NULL)
				return clv_asprintf("%s at %lx", f[i].name,
				                    at - keep + (unsigned long)(hit - chunk));
		}
		size_t all = keep + (size_t)n, next = all < 1024 ? all : 1024;
		memmove(chunk, chunk + all - next, next);
		keep = next;
		at += (unsigned long)n;
	}
	return NULL;
}

bool memsearch_may(pid_t pid)
{
	char path[64];
	if (geteuid() == 0)
		return true;
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		fprintf(stderr, "memsearch: the memory of %d can be read by its own user\n", (int)pid);
		abort();
	}
	return false;
}

char *memsearch_forms(pid_t pid, const char *text)
{
	struct form f[FORMS];
	char path[64], line[512], *found = NULL;
	size_t readable = 0;
	make_forms(f, text);
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	FILE *maps = fopen(path, "r");
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	int mem = open(path, O_RDONLY | O_CLOEXEC);
	while (maps != NULL && mem >= 0 && found == NULL && fgets(line, sizeof(line), maps) != NULL) {
		unsigned long from, to;
		char mode[8];
		if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) == 3 && mode[0] == 'r' &&
		    to - from <= MAPPING_MAX && strstr(line, "[vvar]") == NULL &&
		    strstr(line, "[vsyscall]") == NULL)
			found = search_range(mem, f, from, to, &readable);
	}
	if (maps != NULL)
		fclose(maps);
	if (mem >= 0)
		close(mem);
	if (readable == 0) {
		fprintf(stderr, "memsearch: the memory of %d cannot be read (not root?)\n", (int)pid);
		abort();
	}
	return found;
}
