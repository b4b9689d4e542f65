/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leak SECRETFILE WHERE...: looks for a secret in files, folders (all below), and processes (pid:N: all
 * memory that can be read), as it is and as UTF-16LE, hex of either case and base64 at each alignment. Prints
 * each place where it is, and what was looked at; exit status 1 when it was found, 2 when something could not
 * be looked at.
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

#define FORMS   7
#define PIECE   (1u << 20)
#define OVERLAP 4096u
#define SHADOW  (8ull << 30) /* a mapping beyond this is a sanitizer's shadow, not memory of the program */

struct form {
	const char *name;
	uint8_t bytes[2048];
	size_t len;
};

static struct form forms[FORMS];
static uint64_t looked, found, unread;

static void add(size_t i, const char *name, const uint8_t *p, size_t n)
{
	forms[i].name = name;
	if (n > sizeof forms[i].bytes)
		n = sizeof forms[i].bytes;
	memcpy(forms[i].bytes, p, n);
	forms[i].len = n;
}

/* What stands in base64 whatever is before and after it. */
static void add_base64(size_t i, const char *name, const uint8_t *s, size_t n, size_t shift)
{
	uint8_t in[1024] = {0}, out[2048];
	size_t first = shift == 0 ? 0 : shift == 1 ? 2 : 3, len;

	memcpy(in + shift, s, n);
	len = (size_t)EVP_EncodeBlock(out, in, (int)(n + shift));
	while (len && out[len - 1] == '=')
		len--;
	len -= (n + shift) % 3 ? 1 : 0; /* its last character holds foreign bits */
	add(i, name, out + first, len - first);
}

static void make_forms(const uint8_t *s, size_t n)
{
	uint8_t wide[2048];
	char hex[2048];
	size_t w = 0;

	add(0, "as it is", s, n);
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
	add(1, "UTF-16LE", wide, w);
	hex_encode((struct clv_slice){s, n}, false, hex);
	add(2, "hex", (const uint8_t *)hex, 2 * n);
	hex_encode((struct clv_slice){s, n}, true, hex);
	add(3, "HEX", (const uint8_t *)hex, 2 * n);
	add_base64(4, "base64 +0", s, n, 0);
	add_base64(5, "base64 +1", s, n, 1);
	add_base64(6, "base64 +2", s, n, 2);
}

static void look(const char *where, const uint8_t *p, size_t n)
{
	looked += n;
	for (size_t i = 0; i < FORMS; i++)
		if (memmem(p, n, forms[i].bytes, forms[i].len)) {
			printf("FOUND %s: %s\n", where, forms[i].name);
			found++;
		}
}

static void look_fd(const char *where, int fd, uint64_t from, uint64_t to)
{
	uint8_t *b = clv_calloc(1, PIECE);

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
	clv_free(b);
}

static void look_pid(const char *where)
{
	char path[64], line[1024];
	FILE *maps;
	int mem;

	(void)snprintf(path, sizeof path, "/proc/%s/maps", where + 4);
	maps = fopen(path, "re");
	(void)snprintf(path, sizeof path, "/proc/%s/mem", where + 4);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	if (!maps || mem < 0) {
		fprintf(stderr, "%s: %s\n", where, strerror(errno));
		unread++;
		goto out;
	}
	while (fgets(line, sizeof line, maps)) {
		uint64_t from, to;
		char mode[8];

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &from, &to, mode) == 3 && mode[0] == 'r' &&
		    to - from < SHADOW)
			look_fd(where, mem, from, to);
	}
out:
	if (maps)
		(void)fclose(maps);
	if (mem >= 0)
		(void)close(mem);
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

int main(int argc, char **argv)
{
	uint8_t secret[512];
	int fd = argc > 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
	ssize_t n = fd < 0 ? -1 : read(fd, secret, sizeof secret);

	if (n < 8) {
		fprintf(stderr, "usage: leak SECRETFILE PATH|pid:N ... (a secret of 8 bytes or more)\n");
		return 2;
	}
	make_forms(secret, (size_t)n);
	for (int i = 2; i < argc; i++) {
		if (strncmp(argv[i], "pid:", 4) == 0)
			look_pid(argv[i]);
		else
			look_path(argv[i]);
	}
	printf("%d places, %" PRIu64 " bytes, %d forms, found %" PRIu64 ", not looked at %" PRIu64 "\n",
	       argc - 2, looked, FORMS, found, unread);
	return unread ? 2 : found ? 1 : 0;
}
