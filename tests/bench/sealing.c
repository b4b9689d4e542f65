/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the key holder does with passwords, by its own functions, over the locked arena as it runs:
 *   sealing seal N              configurations for N agents (a few certificates in turn), microseconds each
 *   sealing reencrypt N FILE    N passwords in a database from one key to another, in batches, seconds
 *   sealing refusals ROUNDS     medians of refusals by cause, interleaved; fails when they differ by over 5 %
 * sealing.sh puts them beside what others take.
 */
#include "base/clock.h"
#include "base/db.h"
#include "keys/agentcert.h"
#include "runas/config.h"
#include "runas/der.h"
#include "runas/envelope.h"
#include "runas/securedata.h"
#include "runas/template.h"
#include "vault/blob.h"

#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ARENA      (4u * 1024u * 1024u) /* as the key holder's */
#define RECIPIENTS 4
#define ACCOUNTS   5
#define BATCH      500
#define CAUSES     6
#define NOW        1795000000000ll

static EVP_PKEY *group, *stranger, *keys[RECIPIENTS];
static X509 *signer, *strange_cert, *certs[RECIPIENTS];
static struct clv_secret *password;

static void must(clv_rc rc, const char *what)
{
	if (rc == CLV_OK)
		return;
	fprintf(stderr, "sealing: %s\n", what);
	exit(1);
}

static void must_be(const void *p, const char *what)
{
	must(p != NULL ? CLV_OK : CLV_FAILED, what);
}

static double now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void make_group(EVP_PKEY **key, X509 **cert)
{
	struct clv_buf der;

	buf_init(&der, AGENTCERT_DER_MAX);
	must(pkey_make_p256(key, NULL), "a group key");
	must(groupcert_make(*key, "OMMG1", NOW, &der, NULL), "a group certificate");
	must(x509_from_der(buf_slice(&der), cert, NULL), "a group certificate");
	buf_release(&der);
}

static void make_keys(int recipients)
{
	struct clv_buf der;

	make_group(&group, &signer);
	make_group(&stranger, &strange_cert);
	for (int i = 0; i < recipients; i++) {
		keys[i] = EVP_RSA_gen(3072);
		must_be(keys[i], "an agent key");
		buf_init(&der, AGENTCERT_DER_MAX);
		must(agentcert_make(keys[i], "web01.ops.test", 365, NOW, &der, NULL), "a certificate");
		must(x509_from_der(buf_slice(&der), &certs[i], NULL), "a certificate");
		buf_release(&der);
	}
	password = secret_new(64, NULL);
	must_be(password, "locked memory");
	must(secret_random(password, 20, NULL), "a password");
}

static void fill_list(struct clv_secret *list)
{
	struct runas_head head = {"OMMG1", "web01.ops.test", {1}, 42, false};
	struct runas_account a = {.version = 1, .name = "account", .user = "svc"};

	must(runas_begin(&head, list, NULL), "a list");
	for (int i = 0; i < ACCOUNTS; i++) {
		(void)snprintf(a.id, sizeof(a.id), "%032x", i);
		must(runas_add(&a, password, list, NULL), "an account");
	}
	must(runas_end(list, NULL), "a list");
}

/* All that is made for one agent, from the list to the XML, as the key holder does it. */
static void seal_one(int i)
{
	struct config_head head = {.group = "OMMG1", .agent = "web01.ops.test", .version = 42, .fencing = 1};
	struct clv_secret *list = secret_new(RUNAS_LIST_MAX, NULL);
	struct clv_buf der, xml;

	must_be(list, "locked memory");
	buf_init(&der, SECUREDATA_MAX);
	buf_init(&xml, CONFIG_XML_MAX);
	fill_list(list);
	must(securedata_seal(list, certs[i % RECIPIENTS], group, signer, &der, NULL), "sealing");
	must(config_write(&head, NULL, 0, buf_slice(&der), &xml, NULL), "the configuration");
	buf_release(&der);
	buf_release(&xml);
	secret_free(list);
}

static int seal(int n)
{
	double began;

	make_keys(RECIPIENTS);
	seal_one(0);
	began = now_us();
	for (int i = 0; i < n; i++)
		seal_one(i);
	printf("%.2f\n", (now_us() - began) / n);
	return 0;
}

struct moving {
	struct db *db;
	struct clv_secret *from, *to, *item;
	int64_t first;
	size_t n;
	struct clv_buf blobs[BATCH];
};

static void context_of(int64_t id, char out[64])
{
	(void)snprintf(out, 64, "claviger/1 password %lld", (long long)id);
}

static void put_row(struct moving *m, const struct clv_secret *key, int64_t id, const char *sql)
{
	struct clv_sealed sealed;
	char context[64];

	context_of(id, context);
	buf_init(&sealed.bytes, 1024);
	must(blob_seal(key, slice_of(NULL, 0), slice_str(context), m->item, &sealed, NULL), "sealing");
	must(db_run(m->db, NULL, sql, "bi", buf_slice(&sealed.bytes), id), "writing");
	buf_release(&sealed.bytes);
}

static clv_rc take_row(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct moving *m = ctx;

	(void)stop;
	buf_init(&m->blobs[m->n], 1024);
	return buf_put(&m->blobs[m->n++], db_b(r, 0), err);
}

static void move_batch(struct moving *m)
{
	char context[64];

	m->n = 0;
	must(db_begin(m->db, NULL), "a transaction");
	must(db_each(m->db, take_row, m, NULL, "SELECT blob FROM password WHERE id>=? AND id<? ORDER BY id",
	             "ii", m->first, m->first + BATCH),
	     "reading");
	for (size_t i = 0; i < m->n; i++) {
		context_of(m->first + (int64_t)i, context);
		must(blob_open(m->from, slice_of(NULL, 0), slice_str(context), buf_slice(&m->blobs[i]),
		               m->item, NULL),
		     "opening");
		put_row(m, m->to, m->first + (int64_t)i, "UPDATE password SET blob=? WHERE id=?");
		buf_release(&m->blobs[i]);
	}
	must(db_commit(m->db, NULL), "a commit");
	m->first += BATCH;
}

static int reencrypt(int n, const char *path)
{
	static const char *const steps[] = {
	    "CREATE TABLE password(id INTEGER PRIMARY KEY, blob BLOB NOT NULL)"};
	struct moving m = {.first = 0};
	double began;

	m.from = secret_new(32, NULL);
	m.to = secret_new(32, NULL);
	m.item = secret_new(64, NULL);
	must(m.from && m.to && m.item ? CLV_OK : CLV_FAILED, "locked memory");
	must(secret_random(m.from, 32, NULL), "a key");
	must(secret_random(m.to, 32, NULL), "a key");
	must(secret_random(m.item, 20, NULL), "a password");
	must(db_open(path, DB_STORE, &m.db, NULL), path);
	must(db_schema(m.db, steps, 1, NULL), path);
	must(db_begin(m.db, NULL), "a transaction");
	for (int64_t i = 0; i < n; i++)
		put_row(&m, m.from, i, "INSERT INTO password(blob, id) VALUES(?,?)");
	must(db_commit(m.db, NULL), "a commit");
	began = now_us();
	while (m.first < n)
		move_batch(&m);
	printf("%.3f\n", (now_us() - began) / 1e6);
	db_close(m.db);
	return 0;
}

static const char *const causes[CAUSES] = {"RSA-OAEP",         "tag",           "inner signature",
                                           "inner key's name", "inner content", "inner form"};

static clv_rc copy_out(struct clv_slice bytes, void *ctx, struct clv_err *err)
{
	return buf_put(ctx, bytes, err);
}

/* The good message with one bit of a part of it changed. */
static void flipped(struct clv_slice der, struct clv_slice part, struct clv_buf *out)
{
	size_t at = (size_t)(part.ptr - der.ptr) + part.len / 2;
	uint8_t *copy = clv_memdup(der.ptr, der.len);

	copy[at] ^= 1;
	must(buf_put(out, slice_of(copy, der.len), NULL), "a message");
	clv_free(copy);
}

/* The same of what is signed inside, sealed again. */
static void flipped_inside(struct clv_slice inner, struct clv_slice part, struct clv_buf *out)
{
	struct clv_secret *s = secret_new(inner.len, NULL);
	struct clv_buf b;

	must_be(s, "locked memory");
	buf_init(&b, SECUREDATA_MAX);
	flipped(inner, part, &b);
	must(secret_append(s, buf_slice(&b).ptr, inner.len, NULL), "a secret");
	must(envelope_seal(s, certs[0], SECUREDATA_MAX, out, NULL), "sealing");
	buf_release(&b);
	secret_free(s);
}

static void make_refused(struct clv_buf msgs[CAUSES])
{
	struct clv_secret *list = secret_new(RUNAS_LIST_MAX, NULL), *content = NULL;
	struct clv_buf good, inner;
	struct template_outer o;
	struct template_inner in;

	must_be(list, "locked memory");
	fill_list(list);
	buf_init(&good, SECUREDATA_MAX);
	buf_init(&inner, SECUREDATA_MAX);
	for (int i = 0; i < CAUSES; i++)
		buf_init(&msgs[i], SECUREDATA_MAX);
	must(securedata_seal(list, certs[0], group, signer, &good, NULL), "sealing");
	must(envelope_open(buf_slice(&good), keys[0], certs[0], &content, NULL), "opening");
	must(secret_use(content, copy_out, &inner, NULL), "opening");
	must(template_outer(buf_slice(&good), &o) && template_inner(buf_slice(&inner), &in) ? CLV_OK
	                                                                                    : CLV_FAILED,
	     "a template");
	flipped(buf_slice(&good), o.key, &msgs[0]);
	flipped(buf_slice(&good), o.mac, &msgs[1]);
	flipped_inside(buf_slice(&inner), in.signature, &msgs[2]);
	flipped_inside(buf_slice(&inner), in.key_id, &msgs[3]);
	flipped_inside(buf_slice(&inner), in.content, &msgs[4]);
	flipped_inside(buf_slice(&inner), slice_of(buf_slice(&inner).ptr, 1), &msgs[5]);
	buf_release(&good);
	buf_release(&inner);
	secret_free(content);
	secret_free(list);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static int refusals(int rounds)
{
	double *times[CAUSES], medians[CAUSES], least = 1e12, most = 0;
	struct clv_secret *list;
	struct clv_buf msgs[CAUSES];
	struct clv_err err;

	make_keys(1);
	list = secret_new(RUNAS_LIST_MAX, NULL);
	must_be(list, "locked memory");
	make_refused(msgs);
	for (int c = 0; c < CAUSES; c++)
		times[c] = clv_calloc((size_t)rounds, sizeof(double));
	for (int i = -20; i < rounds; i++)
		for (int k = 0; k < CAUSES; k++) {
			int c = (k + i + 20) % CAUSES; /* each cause after each other */
			double began = now_us();

			must(securedata_open(buf_slice(&msgs[c]), keys[0], certs[0], signer, list, &err)
			         ? CLV_OK
			         : CLV_FAILED,
			     "a message that must be refused opened");
			if (i >= 0)
				times[c][i] = now_us() - began;
		}
	for (int c = 0; c < CAUSES; c++) {
		qsort(times[c], (size_t)rounds, sizeof(double), by_value);
		medians[c] = times[c][rounds / 2];
		least = medians[c] < least ? medians[c] : least;
		most = medians[c] > most ? medians[c] : most;
		printf("refusal, %-17s median %8.1f us of %d\n", causes[c], medians[c], rounds);
		clv_free(times[c]);
		buf_release(&msgs[c]);
	}
	printf("refusals by cause differ by %.2f %% (at most 5 %%)\n", (most / least - 1) * 100);
	secret_free(list);
	return most / least <= 1.05 ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct clv_err err;
	int n = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 0;

	if (n <= 0) {
		fprintf(stderr, "usage: sealing seal N | reencrypt N FILE | refusals ROUNDS\n");
		return 2;
	}
	must(secret_openssl_arena(ARENA, &err), "the locked arena");
	if (strcmp(argv[1], "seal") == 0)
		return seal(n);
	if (strcmp(argv[1], "reencrypt") == 0 && argc == 4)
		return reencrypt(n, argv[3]);
	return refusals(n);
}
