/* SPDX-License-Identifier: Apache-2.0 */
/* What fuzz targets share. */
#include "tests/fuzz/common.h"

#include <stdio.h>
#include <stdlib.h>

static struct {
	const char *name;
	uint64_t runs;
	uint64_t accepted;
	unsigned seeds;
} fuzz;

static void at_end(void)
{
	fprintf(stderr, "FUZZ %s accepted %llu of %llu\n", fuzz.name, (unsigned long long)fuzz.accepted,
	        (unsigned long long)fuzz.runs);
}

void fuzz_start(const char *name)
{
	fuzz.name = name;
	if (atexit(at_end) != 0)
		abort();
}

void fuzz_seed(struct clv_slice s)
{
	const char *dir = getenv("CLAVIGER_FUZZ_SEEDS");
	char path[4096];
	FILE *f;

	if (dir == NULL)
		return;
	(void)snprintf(path, sizeof(path), "%s/seed-%03u", dir, fuzz.seeds++);
	f = fopen(path, "wb");
	fuzz_check(f != NULL && fwrite(s.ptr, 1, s.len, f) == s.len && fclose(f) == 0,
	           "a seed cannot be written");
}

void fuzz_count(bool accepted)
{
	fuzz.runs++;
	fuzz.accepted += accepted;
}

void fuzz_check(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "FUZZ %s: %s\n", fuzz.name, what);
	abort();
}
