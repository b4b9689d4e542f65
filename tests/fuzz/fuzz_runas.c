/* SPDX-License-Identifier: Apache-2.0 */
/* The RunAs list: any bytes; what is read is written again and read to the same. */
#include "tests/fuzz/common.h"
#include "runas/config.h"

#include <stdio.h>
#include <string.h>

static struct clv_secret *given, *made, *password;

static void fill(struct runas_account *a, unsigned i)
{
	*a = (struct runas_account){.version = 1 + i,
	                            .type = (enum clv_account_type)(i % CLV_ACCOUNT_TYPE_MAX)};
	(void)snprintf(a->id, sizeof(a->id), "0123456789abcdef0123456789abcd%02x", i);
	(void)snprintf(a->name, sizeof(a->name), "account %u", i);
	(void)snprintf(a->user, sizeof(a->user), "svc<%u>&\"", i);
	(void)snprintf(a->domain, sizeof(a->domain), "OPS");
	if (a->type == CLV_ACCOUNT_SNMPV3) {
		(void)snprintf(a->context, sizeof(a->context), "ctx");
		(void)snprintf(a->auth_protocol, sizeof(a->auth_protocol), "SHA-256");
		(void)snprintf(a->privacy_protocol, sizeof(a->privacy_protocol), "AES-128");
	}
	a->trial = i % 4 == 1;
	a->keep = i % 4 == 3;
}

static clv_rc seed(struct clv_slice bytes, void *ctx, struct clv_err *err)
{
	(void)ctx;
	(void)err;
	fuzz_seed(bytes);
	return CLV_OK;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct runas_head head = {"OMMG1", "web01.ops.test", {1, 2, 3}, 42};
	struct runas_account a;
	struct clv_err err;

	(void)argc;
	(void)argv;
	fuzz_start("runas");
	given = secret_new(CLV_SECRET_MAX, &err);
	made = secret_new(CLV_SECRET_MAX, &err);
	password = secret_new(64, &err);
	fuzz_check(given != NULL && made != NULL && password != NULL, "memory");
	fuzz_check(secret_append(password, "correct horse", 13, &err) == CLV_OK, "password");
	for (unsigned n = 0; n <= 8; n += 4) {
		fuzz_check(runas_begin(&head, made, &err) == CLV_OK, "begin");
		for (unsigned i = 0; i < n; i++) {
			fill(&a, i);
			fuzz_check(runas_add(&a, password, made, &err) == CLV_OK, "add");
		}
		fuzz_check(runas_end(made, &err) == CLV_OK && secret_use(made, seed, NULL, &err) == CLV_OK,
		           "end");
	}
	return 0;
}

struct rewriting {
	struct runas_head head;
	bool writing, fits;
	size_t n, bytes;
};

/* First reading: sums. Second: writes what is read. */
static clv_rc one(const struct runas_account *a, const struct clv_secret *p, void *ctx, struct clv_err *err)
{
	struct rewriting *r = ctx;

	fuzz_check(strlen(a->id) == RUNAS_ID_LEN && a->name[0] && a->type < CLV_ACCOUNT_TYPE_MAX &&
	               a->keep == (p == NULL) && (p == NULL || secret_len(p) > 0),
	           "an account out of shape");
	r->n++;
	r->bytes +=
	    (p ? secret_len(p) : 7) + a->version % 1000 + strlen(a->user) + strlen(a->name) + a->trial;
	/* Written again it may be longer by its references. */
	if (r->writing && runas_add(a, p, made, err) != CLV_OK)
		r->fits = false;
	return CLV_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rewriting first = {.fits = true}, second = {.writing = true, .fits = true},
	                 third = {.fits = true};
	struct clv_err err = {0};
	bool ok;

	secret_truncate(given, 0);
	ok = size < CLV_SECRET_MAX && secret_append(given, data, size, &err) == CLV_OK &&
	     runas_read(given, &first.head, one, &first, &err) == CLV_OK;
	if (ok && runas_begin(&first.head, made, &err) == CLV_OK) {
		fuzz_check(runas_read(given, &second.head, one, &second, &err) == CLV_OK, "read once only");
		if (second.fits)
			fuzz_check(runas_end(made, &err) == CLV_OK &&
			               runas_read(made, &third.head, one, &third, &err) == CLV_OK &&
			               third.n == first.n && third.bytes == first.bytes &&
			               third.head.version == first.head.version,
			           "written again it is another list");
	}
	fuzz_count(ok);
	return 0;
}
