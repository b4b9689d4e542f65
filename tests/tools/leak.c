/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leak SECRETFILE[,SECRETFILE...] WHERE...: looks for secrets in files, folders (all below), and processes
 * (pid:N: all memory that can be read and was ever touched), as they are and as UTF-16LE, hex of either case
 * and base64 at each alignment. Prints each place where one is, and what was looked at; exit status 1 when
 * one was found, 2 when something could not be looked at.
 */
#include "claviger/buf.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRETS 8u
#define FORMS   7
#define PIECE   (1u << 20)
#define PAGE    4096u
#define OVERLAP 4096u
#define SHADOW  (8ull << 30) /* a mapping beyond this is a sanitizer's shadow, not memory of the program */

struct form {
	const char *name;
	uint8_t bytes[2048];
	size_t len;
};

static struct form forms[SECRETS * FORMS];
static size_t n_forms;
static uint64_t looked, found, unread;

static void add(const char *name, const uint8_t *p, size_t n)
{
	struct form *f = &forms[n_forms++];

	f->name = name;
	if (n > sizeof f->bytes)
		n = sizeof f->bytes;
	memcpy(f->bytes, p, n);
	f->len = n;
}

/* What stands in base64 whatever is before and after it. */
static void add_base64(const char *name, const uint8_t *s, size_t n, size_t shift)
{
	uint8_t in[1024] = {0}, out[2048];
	size_t first = shift == 0 ? 0 : shift == 1 ? 2 : 3, len;

	memcpy(in + shift, s, n);
	len = (size_t)EVP_EncodeBlock(out, in, (int)(n + shift));
	while (len && out[len - 1] == '=')
		len--;
	len -= (n + shift) % 3 ? 1 : 0; /* its last character holds foreign bits */
	add(name, out + first, len - first);
}

static void make_forms(const uint8_t *s, size_t n)
{
	uint8_t wide[2048];
	char hex[2048];
	size_t w = 0;

	add("as it is", s, n);
	for (size_t i = 0; i < n;) { /* UTF-8 of the basic plane */
		unsigned c = s[i++];

		if (c >= 0xe0 && i + 1 < n) {
			c = (c & 15) << 12 | (s[i] & 63u) << 6 | (s[i + 1] & 63u);
			i += 2;
		} else if (c >= 0xc0 && i < n) {
			c = (c & 31) << 6 | (s[i++] & 63u);
		}
		wide[w++] = (uint8_t)c;
		wide[w++] = (uint8_t)(c >> 8);
	}
	add("UTF-16LE", wide, w);
	hex_encode((struct clv_slice){s, n}, false, hex);
	add("hex", (const uint8_t *)hex, 2 * n);
	hex_encode((struct clv_slice){s, n}, true, hex);
	add("HEX", (const uint8_t *)hex, 2 * n);
	add_base64("base64 +0", s, n, 0);
	add_base64("base64 +1", s, n, 1);
	add_base64("base64 +2", s, n, 2);
}

static void look(const char *where, const uint8_t *p, size_t n)
{
	looked += n;
	for (size_t i = 0; i < n_forms; i++)
		if (memmem(p, n, forms[i].bytes, forms[i].len)) {
			printf("FOUND %s: %s\n", where, forms[i].name);
			found++;
		}
}

static void look_fd(const char *where, int fd, uint64_t from, uint64_t to)
{
	static uint8_t
	    b[PIECE]; /* not of the heap: the sanitizers would map one anew for each of thousands */

	while (from < to) {
		size_t want = to - from < PIECE ? (size_t)(to - from) : PIECE;
		ssize_t n = pread(fd, b, want, (off_t)from);

		if (n <= 0)
			break;
		look(where, b, (size_t)n);
		if ((size_t)n <= OVERLAP || from + (size_t)n >= to)
			break;
		from += (size_t)n - OVERLAP;
	}
	explicit_bzero(b, PIECE);
}

/* Memory of nobody's file that was never touched is zeros: its pages are neither there nor swapped out. */
static bool touched(int pagemap, uint64_t from, uint64_t to)
{
	uint64_t pages[PIECE / PAGE];
	size_t n = (size_t)((to - from) / PAGE);

	if (pread(pagemap, pages, n * sizeof *pages, (off_t)(from / PAGE * sizeof *pages)) !=
	    (ssize_t)(n * sizeof *pages))
		return true;
	for (size_t i = 0; i < n; i++)
		if (pages[i] >> 62)
			return true;
	return false;
}

/* Pieces that were touched, those that follow each other at once. */
static void look_touched(const char *where, int mem, int pagemap, uint64_t from, uint64_t to)
{
	uint64_t begin = from;

	for (uint64_t at = from; at < to; at += PIECE) {
		uint64_t end = to - at < PIECE ? to : at + PIECE;

		if (touched(pagemap, at, end))
			continue;
		look_fd(where, mem, begin, at);
		begin = end;
	}
	look_fd(where, mem, begin, to);
}

static void look_pid(const char *where)
{
	char path[64], line[1024];
	FILE *maps;
	int mem, pagemap;

	(void)snprintf(path, sizeof path, "/proc/%s/maps", where + 4);
	maps = fopen(path, "re");
	(void)snprintf(path, sizeof path, "/proc/%s/mem", where + 4);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	(void)snprintf(path, sizeof path, "/proc/%s/pagemap", where + 4);
	pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (!maps || mem < 0 || pagemap < 0) {
		fprintf(stderr, "%s: %s\n", where, strerror(errno));
		unread++;
		goto out;
	}
	while (fgets(line, sizeof line, maps)) {
		uint64_t from, to;
		unsigned long inode;
		char mode[8];

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %*s %*s %lu", &from, &to, mode, &inode) != 4 ||
		    mode[0] != 'r' || to - from >= SHADOW)
			continue;
		if (inode)
			look_fd(where, mem, from, to);
		else
			look_touched(where, mem, pagemap, from, to);
	}
out:
	if (maps)
		(void)fclose(maps);
	if (mem >= 0)
		(void)close(mem);
	if (pagemap >= 0)
		(void)close(pagemap);
}

static void look_path(const char *path)
{
	struct stat st;
	int fd;

	if (lstat(path, &st)) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		unread++;
		return;
	}
	if (S_ISDIR(st.st_mode)) {
		DIR *d = opendir(path);
		struct dirent *e;

		while (d && (e = readdir(d))) {
			char *sub = clv_asprintf("%s/%s", path, e->d_name);

			if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
				look_path(sub);
			clv_free(sub);
		}
		if (d)
			(void)closedir(d);
		return;
	}
	if (!S_ISREG(st.st_mode))
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		unread++;
		return;
	}
	look_fd(path, fd, 0, (uint64_t)st.st_size);
	(void)close(fd);
}

static bool read_secrets(char *list)
{
	char *rest = NULL;
	size_t many = 0;

	for (char *file = strtok_r(list, ",", &rest); file; file = strtok_r(NULL, ",", &rest)) {
		uint8_t secret[512];
		int fd = open(file, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? -1 : read(fd, secret, sizeof secret);

		if (fd >= 0)
			(void)close(fd);
		if (n < 8 || ++many > SECRETS)
			return false;
		make_forms(secret, (size_t)n);
	}
	return many > 0;
}

int main(int argc, char **argv)
{
	if (argc < 3 || !read_secrets(argv[1])) {
		fprintf(stderr,
		        "usage: leak SECRETFILE[,SECRETFILE...] PATH|pid:N ... (%u secrets of 8 bytes "
		        "or more)\n",
		        SECRETS);
		return 2;
	}
	for (int i = 2; i < argc; i++) {
		if (strncmp(argv[i], "pid:", 4) == 0)
			look_pid(argv[i]);
		else
			look_path(argv[i]);
	}
	printf("%d places, %" PRIu64 " bytes, %zu forms, found %" PRIu64 ", not looked at %" PRIu64 "\n",
	       argc - 2, looked, n_forms, found, unread);
	return unread ? 2 : found ? 1 : 0;
}
