/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is on a wire, for scenario scripts:
 *   wire relay PORT TO_PORT FOLDER     accepts at 127.0.0.1:PORT, goes on to TO_PORT, and keeps what passes
 * in FOLDER/N.c and N.s (from the client, from the server); until a signal wire open KEYLOG FOLDER OUT opens
 * the TLS 1.3 records of all connections in FOLDER with the secrets that the test build logged, and writes
 * the plaintext to OUT.N.c, OUT.N.s The second closes with counts: connections, records of application data
 * opened, records that do not open (a record cut by the end of the recording is none). It ends with 1 when
 * one did not, or nothing was opened.
 */
#include "claviger/buf.h"
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/core_names.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINKS_MAX 64u
#define FILE_MAX  (64u << 20)
#define RECORD    5u /* head of a record */
#define RANDOM    32u

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "wire: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* --- relay --- */
struct link {
	int fd[2]; /* the client's, the server's */
	FILE *keep[2];
};

static volatile sig_atomic_t ended;

static void on_signal(int s)
{
	(void)s;
	ended = 1;
}

static struct sockaddr_in local(const char *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET};

	a.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return a;
}

static void open_link(struct link *l, int client, const char *to, const char *folder, unsigned n)
{
	struct sockaddr_in a = local(to);

	l->fd[0] = client;
	l->fd[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->fd[1] < 0)
		die("a socket");
	if (connect(l->fd[1], (struct sockaddr *)&a, sizeof a)) { /* the server is away: so is this link */
		(void)close(l->fd[0]);
		(void)close(l->fd[1]);
		l->fd[0] = l->fd[1] = -1;
		return;
	}
	for (int i = 0; i < 2; i++) {
		char *path = clv_asprintf("%s/%u.%c", folder, n, i ? 's' : 'c');

		l->keep[i] = fopen(path, "we");
		if (!l->keep[i])
			die(path);
		clv_free(path);
	}
}

static void close_link(struct link *l)
{
	for (int i = 0; i < 2; i++) {
		if (l->fd[i] >= 0)
			(void)close(l->fd[i]);
		if (l->keep[i])
			(void)fclose(l->keep[i]);
		l->fd[i] = -1;
		l->keep[i] = NULL;
	}
}

/* One read, kept before it goes on. false: this link has ended. */
static bool pass(struct link *l, int from)
{
	uint8_t bytes[65536];
	ssize_t n = read(l->fd[from], bytes, sizeof bytes), w;

	if (n <= 0)
		return false;
	if (fwrite(bytes, 1, (size_t)n, l->keep[from]) != (size_t)n || fflush(l->keep[from]))
		die("keeping what passed");
	for (ssize_t done = 0; done < n; done += w) {
		w = send(l->fd[!from], bytes + done, (size_t)(n - done), MSG_NOSIGNAL);
		if (w <= 0)
			return false;
	}
	return true;
}

static int relay(const char *port, const char *to, const char *folder)
{
	static struct link links[LINKS_MAX];
	struct pollfd p[1 + 2 * LINKS_MAX];
	struct sockaddr_in a = local(port);
	int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unsigned n = 0;

	if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) ||
	    bind(listener, (struct sockaddr *)&a, sizeof a) || listen(listener, 16))
		die("listening");
	printf("listening\n");
	(void)fflush(stdout);
	while (!ended) {
		p[0] = (struct pollfd){.fd = listener, .events = n < LINKS_MAX ? POLLIN : 0};
		for (unsigned i = 0; i < 2 * n; i++)
			p[1 + i] = (struct pollfd){.fd = links[i / 2].fd[i % 2], .events = POLLIN};
		if (poll(p, 1 + 2 * n, -1) < 0)
			continue;
		for (unsigned i = 0; i < 2 * n; i++)
			if (p[1 + i].revents && links[i / 2].fd[i % 2] >= 0 && !pass(&links[i / 2], i % 2))
				close_link(&links[i / 2]);
		if (p[0].revents & POLLIN) {
			int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

			if (fd >= 0) {
				open_link(&links[n], fd, to, folder, n);
				n++;
			}
		}
	}
	for (unsigned i = 0; i < n; i++)
		close_link(&links[i]);
	return 0;
}

/* --- opening --- */
struct side {
	struct clv_buf bytes; /* what passed */
	struct clv_slice at;  /* what was not looked at */
	uint8_t secret[2][64];
	size_t secret_len[2]; /* 0: not logged; of the handshake, of the traffic */
	FILE *out;
};

struct keys {
	const EVP_CIPHER *cipher;
	uint8_t key[32], iv[12];
	uint64_t seq;
};

static uint64_t connections, opened, failed, app_bytes;

static void read_file(const char *path, struct clv_buf *b)
{
	uint8_t *room = NULL;
	FILE *f = fopen(path, "re");
	size_t n = 1;

	buf_init(b, FILE_MAX);
	if (!f)
		return;
	while (n > 0) {
		if (buf_reserve(b, 65536, &room, NULL))
			die("a recording that is too large");
		n = fread(room, 1, 65536, f);
		buf_commit(b, n);
	}
	(void)fclose(f);
}

/* LABEL RANDOM SECRET, all the lines of it. */
static size_t find_secret(const char *log, const char *label, const char *random, uint8_t out[64])
{
	char *want = clv_asprintf("%s %s ", label, random);
	const char *at = strstr(log, want);
	size_t n = 0;

	for (at = at ? at + strlen(want) : NULL; at && n < 64; n++, at += 2) {
		unsigned v;

		if (sscanf(at, "%2x", &v) != 1 || at[0] == '\n' || at[1] == '\n')
			break;
		out[n] = (uint8_t)v;
	}
	clv_free(want);
	return n;
}

/* HKDF-Expand-Label with an empty context (RFC 8446 7.1). */
static void expand(const char *hash, const uint8_t *secret, size_t len, const char *label, uint8_t *out,
                   size_t n)
{
	uint8_t info[64] = {(uint8_t)(n >> 8), (uint8_t)n, (uint8_t)(6 + strlen(label))};
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	OSSL_PARAM params[5];

	memcpy(info + 3, "tls13 ", 6);
	memcpy(info + 9, label, strlen(label));
	params[0] = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
	params[1] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)hash, 0);
	params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret, len);
	params[3] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, 10 + strlen(label));
	params[4] = OSSL_PARAM_construct_end();
	if (EVP_KDF_derive(ctx, out, n, params) != 1)
		die("HKDF");
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

static void make_keys(const struct side *s, int which, struct keys *k)
{
	bool large = s->secret_len[which] == 48; /* the suite with SHA-384 has AES-256 */
	const char *hash = large ? "SHA384" : "SHA256";

	k->cipher = large ? EVP_aes_256_gcm() : EVP_aes_128_gcm();
	k->seq = 0;
	expand(hash, s->secret[which], s->secret_len[which], "key", k->key, large ? 32 : 16);
	expand(hash, s->secret[which], s->secret_len[which], "iv", k->iv, 12);
}

/* Into out, without its padding; 0: it does not open; else what kind of content it has. */
static uint8_t open_record(struct keys *k, struct clv_slice head, struct clv_slice body, uint8_t *out,
                           size_t *len)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t nonce[12], kind = 0;
	int n = 0, rest = 0;

	memcpy(nonce, k->iv, sizeof nonce);
	for (int i = 0; i < 8; i++)
		nonce[11 - i] ^= (uint8_t)(k->seq >> (8 * i));
	*len = 0;
	if (body.len > 16 && EVP_DecryptInit_ex(c, k->cipher, NULL, k->key, nonce) == 1 &&
	    EVP_DecryptUpdate(c, NULL, &n, head.ptr, (int)head.len) == 1 &&
	    EVP_DecryptUpdate(c, out, &n, body.ptr, (int)body.len - 16) == 1 &&
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, 16, (void *)(uintptr_t)(body.ptr + body.len - 16)) ==
	        1 &&
	    EVP_DecryptFinal_ex(c, out + n, &rest) == 1) {
		k->seq++;
		while (n > 0 && out[n - 1] == 0)
			n--;
		kind = n > 0 ? out[n - 1] : 0;
		*len = n > 0 ? (size_t)n - 1 : 0;
	}
	EVP_CIPHER_CTX_free(c);
	return kind;
}

/* Handshake records first; the first that its key does not open begins the traffic. */
static void open_side(struct side *s)
{
	static uint8_t out[1 << 17];
	struct keys k;
	int which = 0;

	make_keys(s, which, &k);
	while (s->at.len >= RECORD) {
		size_t n = (size_t)s->at.ptr[3] << 8 | s->at.ptr[4], len;
		struct clv_slice head = slice_of(s->at.ptr, RECORD), body;
		uint8_t kind;

		if (s->at.len < RECORD + n)
			return;
		body = slice_of(s->at.ptr + RECORD, n);
		s->at = slice_of(s->at.ptr + RECORD + n, s->at.len - RECORD - n);
		if (head.ptr[0] != 23)
			continue; /* hello, change of cipher: in the clear */
		kind = open_record(&k, head, body, out, &len);
		if (!kind && which == 0) {
			make_keys(s, which = 1, &k);
			kind = open_record(&k, head, body, out, &len);
		}
		if (!kind) {
			failed++;
			return;
		}
		if (kind != 23)
			continue;
		opened++;
		app_bytes += len;
		if (fwrite(out, 1, len, s->out) != len)
			die("writing what was opened");
	}
}

/* Where TLS begins: frames of offer and answer may stand before it, with a head of four bytes of length. */
static bool find_hello(struct side *s)
{
	for (size_t i = 0; i + 11 + RANDOM <= s->at.len; i++) {
		const uint8_t *p = s->at.ptr + i;

		if (p[0] == 22 && p[1] == 3 && p[2] <= 3 && p[5] <= 2 && p[5] >= 1 && p[9] == 3 &&
		    p[10] == 3) {
			s->at = slice_of(p, s->at.len - i);
			return true;
		}
	}
	return false;
}

static void open_connection(const char *log, const char *folder, const char *to, unsigned n)
{
	static const char *const labels[2][2] = {
	    {"CLIENT_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0"},
	    {"SERVER_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0"}};
	struct side sides[2] = {0};
	char random[2 * RANDOM + 1] = "";

	for (int i = 0; i < 2; i++) {
		char *path = clv_asprintf("%s/%u.%c", folder, n, i ? 's' : 'c');
		char *out = clv_asprintf("%s.%u.%c", to, n, i ? 's' : 'c');

		read_file(path, &sides[i].bytes);
		sides[i].at = buf_slice(&sides[i].bytes);
		sides[i].out = fopen(out, "we");
		if (!sides[i].out)
			die(out);
		clv_free(path);
		clv_free(out);
	}
	if (find_hello(&sides[0]) && find_hello(&sides[1])) {
		hex_encode(slice_of(sides[0].at.ptr + 11, RANDOM), false, random);
		connections++;
	}
	for (int i = 0; i < 2; i++) {
		for (int w = 0; w < 2 && *random; w++)
			sides[i].secret_len[w] = find_secret(log, labels[i][w], random, sides[i].secret[w]);
		if (sides[i].secret_len[0] && sides[i].secret_len[1])
			open_side(&sides[i]);
		else if (*random)
			failed++; /* its secrets were not logged */
		buf_release(&sides[i].bytes);
		(void)fclose(sides[i].out);
	}
}

static int open_all(const char *keylog, const char *folder, const char *to)
{
	struct clv_buf log;

	read_file(keylog, &log);
	if (buf_put_u8(&log, 0, NULL))
		die(keylog);
	for (unsigned n = 0; n < LINKS_MAX; n++) {
		char *path = clv_asprintf("%s/%u.c", folder, n);

		if (access(path, R_OK) == 0)
			open_connection((const char *)buf_slice(&log).ptr, folder, to, n);
		clv_free(path);
	}
	buf_release(&log);
	printf("%llu connections, %llu records with %llu bytes opened, %llu not\n",
	       (unsigned long long)connections, (unsigned long long)opened, (unsigned long long)app_bytes,
	       (unsigned long long)failed);
	return failed || !opened;
}

int main(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = on_signal};

	(void)sigaction(SIGTERM, &sa, NULL);
	(void)sigaction(SIGINT, &sa, NULL);
	if (argc == 5 && strcmp(argv[1], "relay") == 0)
		return relay(argv[2], argv[3], argv[4]);
	if (argc == 5 && strcmp(argv[1], "open") == 0)
		return open_all(argv[2], argv[3], argv[4]);
	fprintf(stderr, "usage: wire relay PORT TO_PORT FOLDER | wire open KEYLOG FOLDER OUT\n");
	return 2;
}
