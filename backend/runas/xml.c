/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict reading of XML by a table of elements (see xml.h). Runs in the agent's core and in key
 * holders. It resolves nothing and opens nothing: a DOCTYPE ends it at once (T21).
 */
#include "runas/xml.h"
#include <expat.h>
#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>

#define XML_DEPTH 8u
#define XML_ATTRS 16u

struct reader {
	XML_Parser p;
	const struct xml_element *elements;
	const struct xml_limits *limits;
	uint32_t count[16];
	const struct xml_element *stack[XML_DEPTH];
	size_t depth;
	struct clv_buf text;
	struct clv_secret *hidden; /* instead of text where the limits say so */
	void *ctx;
	struct clv_err *err;
	bool failed;
};

static void *arena_malloc(size_t n)
{
	return OPENSSL_malloc(n);
}

static void *arena_realloc(void *p, size_t n)
{
	return OPENSSL_realloc(p, n);
}

static void arena_free(void *p)
{
	OPENSSL_free(p);
}

static void stop(struct reader *r, const char *why)
{
	if (r->failed)
		return;
	if (why)
		(void)err_set(r->err, CLV_E_PROTO, "XML line %lu column %lu: %s",
		              XML_GetCurrentLineNumber(r->p), XML_GetCurrentColumnNumber(r->p), why);
	r->failed = true;
	(void)XML_StopParser(r->p, XML_FALSE);
}

static const struct xml_element *find(const struct reader *r, const char *name)
{
	const char *parent = r->depth ? r->stack[r->depth - 1]->name : "";

	for (const struct xml_element *e = r->elements; e->name; e++)
		if (strcmp(e->name, name) == 0 && strcmp(e->parent, parent) == 0)
			return e;
	return NULL;
}

static void clear_text(struct reader *r)
{
	buf_clear(&r->text);
	if (r->hidden)
		secret_truncate(r->hidden, 0);
}

static clv_rc add_text(struct reader *r, const char *s, size_t len)
{
	return r->hidden ? secret_append(r->hidden, s, len, NULL) : buf_put(&r->text, slice_of(s, len), NULL);
}

static clv_rc close_hidden(struct clv_slice text, void *ctx, struct clv_err *err)
{
	struct reader *r = ctx;

	return r->stack[r->depth]->close(r->ctx, text, err);
}

static void on_start(void *user, const XML_Char *name, const XML_Char **atts)
{
	struct reader *r = user;
	const struct xml_element *e = find(r, name);
	struct xml_attr attrs[XML_ATTRS + 1] = {{NULL, NULL}};
	size_t n = 0;

	if (r->failed)
		return;
	if (!e || r->depth == XML_DEPTH) {
		stop(r, "an element that may not stand here");
		return;
	}
	if (++r->count[e - r->elements] > e->max) {
		stop(r, "an element too often");
		return;
	}
	for (; atts[0]; atts += 2) {
		if (n == XML_ATTRS) {
			stop(r, "too many attributes");
			return;
		}
		attrs[n++] = (struct xml_attr){atts[0], atts[1]};
	}
	r->stack[r->depth++] = e;
	clear_text(r);
	if (e->open ? e->open(r->ctx, attrs, r->err) != CLV_OK : n > 0)
		stop(r, e->open ? NULL : "attributes where none may be");
}

static void on_end(void *user, const XML_Char *name)
{
	struct reader *r = user;
	const struct xml_element *e;

	(void)name;
	if (r->failed)
		return;
	e = r->stack[--r->depth];
	if (e->close && (r->hidden ? secret_use(r->hidden, close_hidden, r, r->err)
	                           : e->close(r->ctx, buf_slice(&r->text), r->err)))
		stop(r, NULL);
	clear_text(r);
}

static void on_text(void *user, const XML_Char *s, int len)
{
	struct reader *r = user;

	if (r->failed || r->depth == 0)
		return;
	if (r->stack[r->depth - 1]->text) {
		if (add_text(r, s, (size_t)len))
			stop(r, "a text beyond its limit");
		return;
	}
	for (int i = 0; i < len; i++)
		if (!strchr(" \t\r\n", s[i])) {
			stop(r, "text where none may be");
			return;
		}
}

static void on_doctype(void *user, const XML_Char *name, const XML_Char *sysid, const XML_Char *pubid,
                       int internal)
{
	(void)name;
	(void)sysid;
	(void)pubid;
	(void)internal;
	stop(user, "a DOCTYPE is refused");
}

static void on_pi(void *user, const XML_Char *target, const XML_Char *data)
{
	(void)target;
	(void)data;
	stop(user, "a processing instruction is refused");
}

/* The reader takes UTF-8 whatever is declared: so nothing else may be declared. */
static void on_declaration(void *user, const XML_Char *version, const XML_Char *encoding, int standalone)
{
	(void)standalone;
	if (!version || strcmp(version, "1.0") != 0 || (encoding && strcasecmp(encoding, "UTF-8") != 0))
		stop(user, "not XML 1.0 in UTF-8");
}

static void on_cdata(void *user)
{
	stop(user, "a CDATA section is refused");
}

static void on_comment(void *user, const XML_Char *data)
{
	struct reader *r = user;

	(void)data;
	if (r->depth && r->stack[r->depth - 1]->text)
		stop(r, "a comment inside a text");
}

clv_rc xml_read(struct clv_slice xml, const struct xml_element *elements, const struct xml_limits *limits,
                void *ctx, struct clv_err *err)
{
	static const XML_Memory_Handling_Suite mem = {arena_malloc, arena_realloc, arena_free};
	struct reader r = {.elements = elements, .limits = limits, .ctx = ctx, .err = err};
	clv_rc rc = CLV_FAILED;

	if (xml.len == 0 || xml.len > limits->bytes)
		return err_set(err, CLV_E_LIMIT, "XML of %zu bytes, at most %zu", xml.len, limits->bytes);
	/* expat would follow a byte order mark into UTF-16, which has no markup without these. */
	if (memchr(xml.ptr, 0, xml.len))
		return err_set(err, CLV_E_PROTO, "XML with a zero byte");
	buf_init(&r.text, limits->text);
	if (limits->secret) {
		r.hidden = secret_new(limits->text, err);
		if (!r.hidden)
			return CLV_FAILED;
	}
	r.p = XML_ParserCreate_MM("UTF-8", &mem, NULL);
	if (!r.p)
		clv_fatal("an XML parser");
	XML_SetUserData(r.p, &r);
	XML_SetElementHandler(r.p, on_start, on_end);
	XML_SetCharacterDataHandler(r.p, on_text);
	XML_SetStartDoctypeDeclHandler(r.p, on_doctype);
	XML_SetProcessingInstructionHandler(r.p, on_pi);
	XML_SetXmlDeclHandler(r.p, on_declaration);
	XML_SetStartCdataSectionHandler(r.p, on_cdata);
	XML_SetCommentHandler(r.p, on_comment);
	if (XML_Parse(r.p, (const char *)xml.ptr, (int)xml.len, XML_TRUE) != XML_STATUS_OK) {
		stop(&r, XML_ErrorString(XML_GetErrorCode(r.p)));
		goto out;
	}
	rc = r.failed ? CLV_FAILED : CLV_OK;
out:
	XML_ParserFree(r.p);
	buf_release(&r.text);
	secret_free(r.hidden);
	return rc;
}

const char *xml_attr(const struct xml_attr *attrs, const char *name)
{
	for (; attrs->name; attrs++)
		if (strcmp(attrs->name, name) == 0)
			return attrs->value;
	return NULL;
}

size_t xml_attr_count(const struct xml_attr *attrs)
{
	size_t n = 0;

	while (attrs[n].name)
		n++;
	return n;
}

clv_rc xml_take(const char *value, char *out, size_t cap, struct clv_err *err)
{
	size_t n = value ? strlen(value) : 0;

	if (n == 0 || n >= cap)
		return err_set(err, CLV_E_PROTO, "an attribute is missing, empty or too long");
	memcpy(out, value, n + 1);
	return CLV_OK;
}

/* Bytes of the UTF-8 character at p that XML 1.0 can hold; 0: there is none. */
static size_t character(const unsigned char *p)
{
	size_t n = p[0] < 0x80   ? 1
	           : p[0] < 0xc2 ? 0
	           : p[0] < 0xe0 ? 2
	           : p[0] < 0xf0 ? 3
	           : p[0] < 0xf5 ? 4
	                         : 0;
	uint32_t c = n == 1 ? p[0] : n ? p[0] & (0xffu >> (n + 1)) : 0;

	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fu);
	}
	if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || (n == 3 && c < 0x800) ||
	    (n == 4 && c < 0x10000) || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) || c == 0xfffe ||
	    c == 0xffff)
		return 0;
	return n;
}

clv_rc xml_escape(struct clv_buf *b, const char *text, struct clv_err *err)
{
	size_t n;

	for (const unsigned char *p = (const unsigned char *)text; *p; p += n) {
		n = character(p);
		if (n == 0)
			return err_set(err, CLV_E_PROTO, "a character that XML cannot hold");
		if (*p < 0x20 || strchr("&<>\"'", *p) ? buf_printf(b, err, "&#%u;", *p)
		                                      : buf_put(b, slice_of(p, n), err))
			return CLV_FAILED;
	}
	return CLV_OK;
}

clv_rc xml_number(const char *s, uint64_t *out, struct clv_err *err)
{
	uint64_t v = 0;

	if (!s || !*s || (s[0] == '0' && s[1]))
		return err_set(err, CLV_E_PROTO, "a number is missing or not in its shortest form");
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || v > (UINT64_MAX - (uint64_t)(*s - '0')) / 10)
			return err_set(err, CLV_E_PROTO, "a number that is none or too large");
		v = v * 10 + (uint64_t)(*s - '0');
	}
	*out = v;
	return CLV_OK;
}
