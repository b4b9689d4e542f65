/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small strict reader over expat: one table says which elements may stand where, with which
 * attributes; everything else is refused. expat's memory comes from OpenSSL's allocator, which is
 * the locked arena in the key holder (STYLE 26).
 */
#ifndef RUNAS_XML_H
#define RUNAS_XML_H

#include "claviger/secret.h"

struct xml_attr {
	const char *name;
	const char *value;
};

struct xml_element {
	const char *name, *parent; /* parent "" for the root */
	uint32_t max;              /* how many in the document */
	bool text;                 /* may hold text */
	/* attrs ends with name NULL; strict: the handler refuses what it does not know. */
	clv_rc (*open)(void *ctx, const struct xml_attr *attrs, struct clv_err *err);
	clv_rc (*close)(void *ctx, struct clv_slice text, struct clv_err *err); /* may be NULL */
};

struct xml_limits {
	size_t bytes, text;
	bool secret; /* text is gathered in a secret; a handler sees it during its call only */
};

/* Elements end with name NULL. The root must appear. */
CLV_MUST clv_rc xml_read(struct clv_slice xml, const struct xml_element *elements,
                         const struct xml_limits *limits, void *ctx, struct clv_err *err);
/* The attribute's value, or NULL. */
const char *xml_attr(const struct xml_attr *attrs, const char *name);
size_t xml_attr_count(const struct xml_attr *attrs);
/* Copies value (may be NULL) with its 0 into out; CLV_E_PROTO when it is missing, empty or does not fit. */
CLV_MUST clv_rc xml_take(const char *value, char *out, size_t cap, struct clv_err *err);
/* Appends text (UTF-8) with & < > " ' and control characters escaped; what XML 1.0 cannot hold is refused. */
CLV_MUST clv_rc xml_escape(struct clv_buf *b, const char *text, struct clv_err *err);
/* Decimal, no sign, no leading zero, fits 64 bits. */
CLV_MUST clv_rc xml_number(const char *s, uint64_t *out, struct clv_err *err);

#endif
