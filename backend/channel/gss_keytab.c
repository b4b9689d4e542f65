/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keytabs: from a descriptor into the process's memory, judged before any key of them is used (T16). The
 * bytes are libkrb5's to parse; here they only pass through a file without a name.
 */
#include "channel/gss.h"
#include "base/file.h"

#include <krb5.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define KEYTAB_MAX (1024u * 1024u)

static clv_rc krb_fail(krb5_context k, krb5_error_code rc, const char *what, struct clv_err *err)
{
	const char *words = krb5_get_error_message(k, rc);
	clv_rc failed = err_set(err, CLV_E_CONFIG, "%s: %s", what, words);

	krb5_free_error_message(k, words);
	return failed;
}

static clv_rc tell(krb5_context k, const krb5_keytab_entry *e, void (*fn)(void *, const struct gss_key *),
                   void *ctx, struct clv_err *err)
{
	struct gss_key key = {.kvno = e->vno, .enctype = (uint32_t)e->key.enctype};
	char *name = NULL;
	krb5_error_code rc = krb5_unparse_name(k, e->principal, &name);

	if (rc)
		return krb_fail(k, rc, "a keytab entry", err);
	(void)snprintf(key.principal, sizeof key.principal, "%s", name);
	krb5_free_unparsed_name(k, name);
	fn(ctx, &key);
	return CLV_OK;
}

static clv_rc walk(krb5_context k, krb5_keytab from, krb5_keytab to,
                   void (*fn)(void *, const struct gss_key *), void *ctx, struct clv_err *err)
{
	krb5_keytab_entry e;
	krb5_kt_cursor at;
	krb5_error_code rc = krb5_kt_start_seq_get(k, from, &at);
	clv_rc done = CLV_OK;

	if (rc)
		return krb_fail(k, rc, "reading the keytab", err);
	while (!done && (rc = krb5_kt_next_entry(k, from, &e, &at)) == 0) {
		if (fn)
			done = tell(k, &e, fn, ctx, err);
		if (!done && to && (rc = krb5_kt_add_entry(k, to, &e)) != 0)
			done = krb_fail(k, rc, "keeping a keytab entry", err);
		(void)krb5_free_keytab_entry_contents(k, &e);
	}
	(void)krb5_kt_end_seq_get(k, from, &at);
	if (!done && rc != KRB5_KT_END)
		return krb_fail(k, rc, "reading the keytab", err);
	return done;
}

clv_rc gss_keytab_walk(const char *keytab, void (*fn)(void *ctx, const struct gss_key *k), void *ctx,
                       struct clv_err *err)
{
	krb5_context k = NULL;
	krb5_keytab kt = NULL;
	krb5_error_code rc;
	clv_rc done = CLV_FAILED;

	if (krb5_init_context(&k))
		return err_set(err, CLV_E_CONFIG, "libkrb5 does not start: is krb5.conf sound?");
	rc = krb5_kt_resolve(k, keytab, &kt);
	if (rc)
		(void)krb_fail(k, rc, keytab, err);
	else
		done = walk(k, kt, NULL, fn, ctx, err);
	if (kt)
		(void)krb5_kt_close(k, kt);
	krb5_free_context(k);
	return done;
}

struct judging {
	bool permit_rc4;
	size_t n;
	struct gss_key bad;
};

static void judge(void *ctx, const struct gss_key *k)
{
	struct judging *j = ctx;
	enum krb_strength s = krb_strength(k->enctype);

	j->n++;
	if (s == KRB_REFUSED || (s == KRB_WEAK && !j->permit_rc4))
		j->bad = *k;
}

/* The keytab stays open on purpose: a MEMORY keytab ends with its last handle. */
static clv_rc copy(krb5_context k, const char *from, const char *name, bool permit_rc4, struct clv_err *err)
{
	struct judging j = {.permit_rc4 = permit_rc4};
	krb5_keytab file = NULL, memory = NULL;
	krb5_error_code rc;
	clv_rc done = CLV_FAILED;

	if ((rc = krb5_kt_resolve(k, from, &file)) != 0 || (rc = krb5_kt_resolve(k, name, &memory)) != 0) {
		(void)krb_fail(k, rc, "the keytab", err);
		goto out;
	}
	if (walk(k, file, NULL, judge, &j, err))
		goto out;
	if (j.bad.principal[0])
		(void)err_set(
		    err, CLV_E_CONFIG,
		    "the keytab holds a key of %s for %s: take it out (ktutil), and out of the KDC%s",
		    krb_enctype_name(j.bad.enctype), j.bad.principal,
		    j.bad.enctype == KRB_ENCTYPE_RC4 ? ", or set permit_rc4 = yes under [kerberos]" : "");
	else if (j.n == 0)
		(void)err_set(err, CLV_E_CONFIG, "the keytab is empty");
	else
		done = walk(k, file, memory, NULL, NULL, err);
out:
	if (file)
		(void)krb5_kt_close(k, file);
	if (memory && done)
		(void)krb5_kt_close(k, memory);
	return done;
}

clv_rc gss_keytab_load(int fd, const char *name, bool permit_rc4, struct clv_err *err)
{
	int mem = memfd_create("keytab", MFD_CLOEXEC);
	krb5_context k = NULL;
	struct clv_buf b;
	char path[64];
	clv_rc rc = CLV_FAILED;

	buf_init(&b, KEYTAB_MAX);
	if (mem < 0) {
		(void)err_sys(err, CLV_E_IO, "a file in memory");
		goto out;
	}
	if (file_read_fd(fd, "the keytab", &b, err) || fd_write_all(mem, buf_slice(&b), err))
		goto out;
	(void)snprintf(path, sizeof path, "FILE:/proc/self/fd/%d", mem);
	if (krb5_init_context(&k))
		(void)err_set(err, CLV_E_CONFIG, "libkrb5 does not start: is krb5.conf sound?");
	else
		rc = copy(k, path, name, permit_rc4, err);
	if (k)
		krb5_free_context(k);
out:
	fd_close(&fd);
	fd_close(&mem);
	buf_release(&b);
	return rc;
}
