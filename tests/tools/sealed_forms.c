/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns a good SecureData into what the openssl command line cannot make:
 *   sealed_forms flips KEY.pem CERT.pem SIGNER.pem FILE       every bit, outside and inside, one process
 *   sealed_forms forms KEY.pem CERT.pem SIGNER.pem FILE DIR   hand-made forms, one file each
 * flips prints its counts and fails when anything opens or a second text is seen.
 */
#include "base/file.h"
#include "keys/agentcert.h"
#include "runas/der.h"
#include "runas/envelope.h"
#include "runas/securedata.h"
#include "runas/template.h"

#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OID_AUTH   "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17"
#define OID_ENV    "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"
#define OID_DATA   "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
#define OID_SIGNED "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
#define OID_GCM256 "\x60\x86\x48\x01\x65\x03\x04\x01\x2e"
#define OID_CFB256 "\x60\x86\x48\x01\x65\x03\x04\x01\x2c"
#define OID_CTR    "\x60\x86\x48\x01\x65\x03\x04\x01\x2d"
#define SHA256_ALG "\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"
#define SHA256_NUL "\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00"
#define ECDSA_ALG  "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"
#define OAEP_OID   "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x07"
#define MGF_OID    "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08"
#define LIMIT      (SECUREDATA_MAX * 2u)
#define LIST_MAX   65536u

static EVP_PKEY *key;
static X509 *cert, *signer;
static struct clv_buf message, inner;
static struct clv_secret *list;

static void die(const char *what)
{
	fprintf(stderr, "sealed_forms: %s\n", what);
	exit(2);
}

static void must(clv_rc rc, const char *what)
{
	if (rc != CLV_OK)
		die(what);
}

static BIO *open_file(const char *path)
{
	BIO *b = BIO_new_file(path, "r");

	if (b == NULL)
		die(path);
	return b;
}

static X509 *read_cert(const char *path)
{
	BIO *b = open_file(path);
	X509 *x = PEM_read_bio_X509(b, NULL, NULL, NULL);

	BIO_free(b);
	if (x == NULL)
		die(path);
	return x;
}

static clv_rc copy_out(struct clv_slice bytes, void *ctx, struct clv_err *err)
{
	return buf_put(ctx, bytes, err);
}

static void load(char **argv)
{
	struct clv_secret *content = NULL;
	BIO *b = open_file(argv[0]);

	key = PEM_read_bio_PrivateKey(b, NULL, NULL, NULL);
	BIO_free(b);
	if (key == NULL)
		die(argv[0]);
	cert = read_cert(argv[1]);
	signer = read_cert(argv[2]);
	list = secret_new(LIST_MAX, NULL);
	if (list == NULL)
		die("no locked memory");
	buf_init(&message, LIMIT);
	buf_init(&inner, LIMIT);
	must(file_read(argv[3], &message, NULL), argv[3]);
	must(envelope_open(buf_slice(&message), key, cert, &content, NULL), "the message does not open");
	must(secret_use(content, copy_out, &inner, NULL), "the content");
	secret_free(content);
}

static char first_text[CLV_ERR_TEXT_MAX];
static size_t texts;

static bool opens(struct clv_slice der)
{
	struct clv_err err = {0};
	bool good = securedata_open(der, key, cert, signer, list, &err) == CLV_OK;

	if (!good && texts == 0) {
		(void)snprintf(first_text, sizeof(first_text), "%s", err.text);
		texts = 1;
	} else if (!good && strcmp(first_text, err.text) != 0) {
		texts++;
	}
	return good;
}

static void seal_inner(struct clv_slice bytes, struct clv_buf *der)
{
	struct clv_secret *s = secret_new(bytes.len, NULL);

	must(s == NULL ? CLV_FAILED : secret_append(s, bytes.ptr, bytes.len, NULL), "a secret");
	must(envelope_seal(s, cert, LIMIT, der, NULL), "sealing");
	secret_free(s);
}

static int flips(void)
{
	struct clv_slice m = buf_slice(&message), in = buf_slice(&inner);
	uint8_t *copy = clv_memdup(m.ptr, m.len);
	size_t outside = 0, inside = 0, taken = 0;
	struct clv_buf der;

	if (!opens(m))
		die("the message itself is refused");
	for (size_t bit = 0; bit < m.len * 8; bit++, outside++) {
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		taken += opens(slice_of(copy, m.len));
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	clv_free(copy);
	copy = clv_memdup(in.ptr, in.len);
	for (size_t bit = 0; bit < in.len * 8; bit++, inside++) {
		buf_init(&der, LIMIT);
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		seal_inner(slice_of(copy, in.len), &der);
		taken += opens(buf_slice(&der));
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		buf_release(&der);
	}
	clv_free(copy);
	printf("      %zu bits of the message and %zu bits of what is signed inside flipped: %zu opened, %zu "
	       "error text\n",
	       outside, inside, taken, texts);
	return taken == 0 && texts == 1 ? 0 : 1;
}

/* What a hand-made message is put together from; the good one's parts where nothing is said. */
struct form {
	const char *name;
	struct clv_slice type, before, params, alg_oid, iv, icv, mac, auth, unauth, oaep;
	uint8_t version, ktri_version, recipients;
	bool long_length;
};

static void put(struct clv_buf *b, struct clv_slice s)
{
	must(buf_put(b, s, NULL), "a buffer");
}

static void wrap(struct clv_buf *b, uint8_t tag, struct clv_slice s)
{
	uint8_t head[DER_HEAD_MAX];

	put(b, slice_of(head, der_head(head, tag, s.len)));
	put(b, s);
}

static void number(struct clv_buf *b, uint8_t v)
{
	wrap(b, DER_INTEGER, slice_of(&v, 1));
}

/* Closes what b holds into an element of another buffer and empties b. */
static void close_into(struct clv_buf *to, uint8_t tag, struct clv_buf *b)
{
	wrap(to, tag, buf_slice(b));
	buf_clear(b);
}

static void emit(const struct form *f, const struct template_outer *o, struct clv_buf *out)
{
	struct clv_buf a, b, c;

	buf_init(&a, LIMIT);
	buf_init(&b, LIMIT);
	buf_init(&c, LIMIT);
	number(&a, f->version);
	put(&a, f->before);
	for (unsigned i = 0; i < f->recipients; i++) {
		number(&b, f->ktri_version);
		wrap(&b, DER_SEQUENCE, o->issuer_serial);
		put(&b, f->oaep);
		wrap(&b, DER_OCTETS, o->key);
		close_into(&c, DER_SEQUENCE, &b);
	}
	close_into(&a, DER_SET, &c);
	wrap(&b, DER_OCTETS, f->iv);
	put(&b, f->icv);
	if (f->icv.ptr == NULL) { /* not GCM: the parameter is the IV itself */
		buf_clear(&b);
		wrap(&c, DER_OID, f->alg_oid);
		wrap(&c, DER_OCTETS, f->iv);
	} else {
		wrap(&c, DER_OID, f->alg_oid);
		close_into(&c, DER_SEQUENCE, &b);
	}
	wrap(&b, DER_OID, SLICE_LIT(OID_DATA));
	close_into(&b, DER_SEQUENCE, &c);
	wrap(&b, DER_P0, o->ciphertext);
	close_into(&a, DER_SEQUENCE, &b);
	put(&a, f->auth);
	if (f->mac.ptr != NULL)
		wrap(&a, DER_OCTETS, f->mac);
	put(&a, f->unauth);
	close_into(&b, DER_SEQUENCE, &a);
	wrap(&c, DER_OID, f->type);
	close_into(&c, DER_C0, &b);
	if (f->long_length) { /* a length in more bytes than it needs */
		const uint8_t head[6] = {
		    DER_SEQUENCE, 0x84, 0, 0, (uint8_t)(buf_slice(&c).len >> 8), (uint8_t)buf_slice(&c).len};

		put(out, slice_of(head, sizeof(head)));
		put(out, buf_slice(&c));
	} else {
		wrap(out, DER_SEQUENCE, buf_slice(&c));
	}
	buf_release(&a);
	buf_release(&b);
	buf_release(&c);
}

static void write_out(const char *dir, const char *name, struct clv_slice bytes)
{
	char path[4096];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s.der", dir, name);
	f = fopen(path, "wb");
	if (f == NULL || fwrite(bytes.ptr, 1, bytes.len, f) != bytes.len || fclose(f) != 0)
		die(path);
}

static void write_form(const char *dir, const struct form *f, const struct template_outer *o)
{
	struct clv_buf der;

	buf_init(&der, LIMIT);
	emit(f, o, &der);
	write_out(dir, f->name, buf_slice(&der));
	buf_release(&der);
}

static struct clv_slice oaep(struct clv_buf *b, struct clv_slice hash, bool mgf, bool label)
{
	struct clv_buf p, q, r;

	buf_init(b, 512);
	buf_init(&p, 512);
	buf_init(&q, 512);
	buf_init(&r, 512);
	wrap(&p, DER_C0, hash);
	if (mgf) {
		wrap(&q, DER_OID, SLICE_LIT(MGF_OID));
		put(&q, hash);
		close_into(&r, DER_SEQUENCE, &q);
		wrap(&p, 0xa1, buf_slice(&r));
		buf_clear(&r);
	}
	if (label) { /* pSpecified of an empty label, said aloud */
		wrap(&q, DER_OID, SLICE_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x09"));
		wrap(&q, DER_OCTETS, slice_of(NULL, 0));
		close_into(&r, DER_SEQUENCE, &q);
		wrap(&p, 0xa2, buf_slice(&r));
	}
	buf_clear(&r);
	wrap(&q, DER_OID, SLICE_LIT(OAEP_OID));
	close_into(&q, DER_SEQUENCE, &p);
	wrap(b, DER_SEQUENCE, buf_slice(&q));
	buf_release(&p);
	buf_release(&q);
	buf_release(&r);
	return buf_slice(b);
}

static void outer_forms(const char *dir)
{
	struct template_outer o;
	struct clv_buf good, nul, nomgf, label;
	struct form base = {.type = SLICE_LIT(OID_AUTH), .alg_oid = SLICE_LIT(OID_GCM256), .recipients = 1};
	struct form f;
	uint8_t block[16] = {0};
	char name[32];

	if (!template_outer(buf_slice(&message), &o))
		die("the message is of no template");
	base.iv = o.iv;
	base.mac = o.mac;
	base.icv = SLICE_LIT("\x02\x01\x10");
	base.oaep = oaep(&good, SLICE_LIT(SHA256_ALG), true, false);
	base.name = "same";
	write_form(dir, &base, &o);
#define FORM(n, ...)  \
	f = base;     \
	f.name = (n); \
	__VA_ARGS__;  \
	write_form(dir, &f, &o)
	for (unsigned n = 0; n <= 15; n++) {
		const uint8_t icv[3] = {2, 1, (uint8_t)n};

		(void)snprintf(name, sizeof(name), "tag%02u", n);
		FORM(name, f.mac = slice_of(o.mac.ptr, n), f.icv = slice_of(icv, 3));
		(void)snprintf(name, sizeof(name), "tag%02u-icv16", n);
		FORM(name, f.mac = slice_of(o.mac.ptr, n));
		(void)snprintf(name, sizeof(name), "icv%02u", n);
		FORM(name, f.icv = slice_of(icv, 3));
	}
	memcpy(block, o.iv.ptr, o.iv.len);
	block[15] = 2; /* RFC 9709: the first block of GCM's key stream, by another mode */
	FORM("cfb-downgrade", f.type = SLICE_LIT(OID_ENV), f.alg_oid = SLICE_LIT(OID_CFB256),
	     f.iv = slice_of(block, 16), f.icv = slice_of(NULL, 0), f.mac = slice_of(NULL, 0));
	FORM("ofb-downgrade", f.type = SLICE_LIT(OID_ENV),
	     f.alg_oid = SLICE_LIT("\x60\x86\x48\x01\x65\x03\x04\x01\x2b"), f.iv = slice_of(block, 16),
	     f.icv = slice_of(NULL, 0), f.mac = slice_of(NULL, 0));
	FORM("cbc-downgrade", f.type = SLICE_LIT(OID_ENV),
	     f.alg_oid = SLICE_LIT("\x60\x86\x48\x01\x65\x03\x04\x01\x2a"), f.iv = slice_of(block, 16),
	     f.icv = slice_of(NULL, 0), f.mac = slice_of(NULL, 0));
	FORM("enveloped-gcm", f.type = SLICE_LIT(OID_ENV), f.mac = slice_of(NULL, 0));
	FORM("no-mac", f.mac = slice_of(NULL, 0));
	FORM("no-icv", f.icv = slice_of("", 0));
	FORM("icv-twice", f.icv = SLICE_LIT("\x02\x01\x10\x02\x01\x10"));
	FORM("iv16", f.iv = slice_of(block, 16));
	FORM("iv11", f.iv = slice_of(block, 11));
	FORM("version1", f.version = 1);
	FORM("version3", f.version = 3);
	FORM("ktri-version2", f.ktri_version = 2);
	FORM("no-recipient", f.recipients = 0);
	FORM("recipient-twice", f.recipients = 2);
	FORM("originator", f.before = SLICE_LIT("\xa0\x00"));
	FORM("auth-attrs", f.auth = SLICE_LIT("\xa1\x00"));
	FORM("unauth-attrs", f.unauth = SLICE_LIT("\xa2\x00"));
	FORM("long-length", f.long_length = true);
	FORM("oaep-nulls", f.oaep = oaep(&nul, SLICE_LIT(SHA256_NUL), true, false));
	FORM("oaep-default-mgf", f.oaep = oaep(&nomgf, SLICE_LIT(SHA256_ALG), false, false));
	FORM("oaep-empty-label", f.oaep = oaep(&label, SLICE_LIT(SHA256_ALG), true, true));
#undef FORM
	buf_release(&good);
	buf_release(&nul);
	buf_release(&nomgf);
	buf_release(&label);
}

struct inner_form {
	const char *name;
	struct clv_slice content, certs, attrs, unsigned_attrs, digests;
	uint8_t version, si_version;
	bool no_attrs, twice, no_content;
};

static void emit_inner(const char *dir, const struct inner_form *f, const struct template_inner *i)
{
	struct clv_buf a, b, c, der;

	buf_init(&a, LIMIT);
	buf_init(&b, LIMIT);
	buf_init(&c, LIMIT);
	buf_init(&der, LIMIT);
	number(&a, f->version);
	wrap(&a, DER_SET, f->digests);
	wrap(&b, DER_OCTETS, f->content);
	wrap(&c, DER_OID, SLICE_LIT(OID_DATA));
	if (!f->no_content)
		wrap(&c, DER_C0, buf_slice(&b));
	buf_clear(&b);
	close_into(&a, DER_SEQUENCE, &c);
	put(&a, f->certs);
	number(&b, f->si_version);
	wrap(&b, DER_P0, i->key_id);
	put(&b, SLICE_LIT(SHA256_ALG));
	if (!f->no_attrs)
		wrap(&b, DER_C0, f->attrs);
	put(&b, SLICE_LIT(ECDSA_ALG));
	wrap(&b, DER_OCTETS, i->signature);
	put(&b, f->unsigned_attrs);
	wrap(&c, DER_SEQUENCE, buf_slice(&b));
	if (f->twice)
		wrap(&c, DER_SEQUENCE, buf_slice(&b));
	buf_clear(&b);
	close_into(&a, DER_SET, &c);
	close_into(&b, DER_SEQUENCE, &a);
	wrap(&c, DER_OID, SLICE_LIT(OID_SIGNED));
	close_into(&c, DER_C0, &b);
	wrap(&a, DER_SEQUENCE, buf_slice(&c));
	seal_inner(buf_slice(&a), &der);
	write_out(dir, f->name, buf_slice(&der));
	buf_release(&a);
	buf_release(&b);
	buf_release(&c);
	buf_release(&der);
}

static void inner_forms(const char *dir)
{
	struct template_inner i;
	struct inner_form base = {.version = 3, .si_version = 3, .digests = SLICE_LIT(SHA256_ALG)}, f;
	struct clv_buf set, other, x;

	if (!template_inner(buf_slice(&inner), &i))
		die("what is signed is of no template");
	buf_init(&set, 4096);
	buf_init(&other, LIMIT);
	buf_init(&x, 8192);
	wrap(&set, DER_SET, i.attrs);
	put(&other, i.content);
	put(&other, SLICE_LIT(" "));
	base.content = i.content;
	base.attrs = i.attrs;
	base.name = "inner-same";
	emit_inner(dir, &base, &i);
#define FORM(n, ...)  \
	f = base;     \
	f.name = (n); \
	__VA_ARGS__;  \
	emit_inner(dir, &f, &i)
	/* The signature over the attributes is one over a content of the same bytes [design 3]. */
	FORM("inner-attrs-as-content", f.content = buf_slice(&set), f.no_attrs = true);
	FORM("inner-no-attrs", f.no_attrs = true);
	FORM("inner-other-content", f.content = buf_slice(&other));
	FORM("inner-no-content", f.no_content = true);
	FORM("inner-two-signers", f.twice = true);
	FORM("inner-version1", f.version = 1);
	FORM("inner-si-version1", f.si_version = 1);
	FORM("inner-no-digest", f.digests = slice_of(NULL, 0));
	FORM("inner-two-digests", f.digests = SLICE_LIT(SHA256_ALG SHA256_ALG));
	FORM("inner-empty-certificates", f.certs = SLICE_LIT("\xa0\x00"));
	FORM("inner-empty-crls", f.certs = SLICE_LIT("\xa1\x00"));
	FORM("inner-unsigned-attrs", f.unsigned_attrs = SLICE_LIT("\xa1\x00"));
	FORM("inner-attrs-cut", f.attrs = slice_of(i.attrs.ptr, 26));
#undef FORM
	put(&x, buf_slice(&inner));
	put(&x, SLICE_LIT("\0"));
	buf_clear(&other);
	seal_inner(buf_slice(&x), &other);
	write_out(dir, "inner-trailing-byte", buf_slice(&other));
	buf_clear(&other);
	seal_inner(i.content, &other);
	write_out(dir, "inner-list-unsigned", buf_slice(&other));
	buf_release(&set);
	buf_release(&other);
	buf_release(&x);
}

int main(int argc, char **argv)
{
	int status = 0;

	if (argc == 6 && strcmp(argv[1], "flips") == 0) {
		load(argv + 2);
		status = flips();
	} else if (argc == 7 && strcmp(argv[1], "forms") == 0) {
		load(argv + 2);
		outer_forms(argv[6]);
		inner_forms(argv[6]);
	} else {
		fprintf(stderr,
		        "usage: sealed_forms flips KEY CERT SIGNER FILE | forms KEY CERT SIGNER FILE DIR\n");
		return 2;
	}
	EVP_PKEY_free(key);
	X509_free(cert);
	X509_free(signer);
	secret_free(list);
	buf_release(&message);
	buf_release(&inner);
	return status;
}
