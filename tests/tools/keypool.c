/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keypool FILE COUNT: RSA-3072 keys made once for all tests, since making one takes half a second of a
 * processor. The test build's key generation takes them from there (backend/daemon/keyholder_keypool.c): each
 * as a length of four bytes and PKCS#8.
 */
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* One worker's keys, into a file of its own. */
static int make(const char *path, long n)
{
	FILE *f = fopen(path, "we");
	int rc = f == NULL;

	for (long i = 0; !rc && i < n; i++) {
		EVP_PKEY *key = EVP_RSA_gen(3072);
		PKCS8_PRIV_KEY_INFO *p8 = key ? EVP_PKEY2PKCS8(key) : NULL;
		unsigned char *der = NULL;
		int len = p8 ? i2d_PKCS8_PRIV_KEY_INFO(p8, &der) : 0;
		unsigned char head[4] = {0, 0, (unsigned char)(len >> 8), (unsigned char)len};

		rc = len <= 0 || len > 65535 || fwrite(head, 1, 4, f) != 4 ||
		     fwrite(der, 1, (size_t)len, f) != (size_t)len;
		OPENSSL_free(der);
		PKCS8_PRIV_KEY_INFO_free(p8);
		EVP_PKEY_free(key);
	}
	return f && fclose(f) ? 1 : rc;
}

static int append(FILE *to, const char *path)
{
	char buf[65536];
	size_t n;
	FILE *f = fopen(path, "re");

	while (f && (n = fread(buf, 1, sizeof(buf), f)) > 0)
		if (fwrite(buf, 1, n, to) != n)
			break;
	if (!f || ferror(f) || ferror(to))
		return 1;
	(void)unlink(path);
	return fclose(f);
}

int main(int argc, char **argv)
{
	long n = argc == 3 ? strtol(argv[2], NULL, 10) : 0, workers = sysconf(_SC_NPROCESSORS_ONLN);
	char path[4096];
	int rc = 0, status;
	FILE *to;

	if (n < 1 || n > 10000) {
		fprintf(stderr, "usage: keypool FILE COUNT\n");
		return 2;
	}
	workers = workers < 1 ? 1 : workers > 16 ? 16 : workers;
	for (long w = 0; w < workers; w++) {
		snprintf(path, sizeof(path), "%s.%ld", argv[1], w);
		if (fork() == 0)
			_exit(make(path, n / workers + (w < n % workers)));
	}
	while (wait(&status) > 0)
		rc |= status != 0;
	snprintf(path, sizeof(path), "%s.new", argv[1]);
	to = rc ? NULL : fopen(path, "we");
	for (long w = 0; to && !rc && w < workers; w++) {
		char part[4096];

		snprintf(part, sizeof(part), "%s.%ld", argv[1], w);
		rc = append(to, part);
	}
	if (!to || fclose(to) || rc || rename(path, argv[1])) {
		perror(argv[1]);
		return 1;
	}
	return 0;
}
