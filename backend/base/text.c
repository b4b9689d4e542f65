/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text that is safe to show: the one sanitiser (T19, T20). Every process and the console use it.
 * Its output is valid UTF-8 in which every cluster is printable, so that nothing which went through
 * here can move a cursor, turn the direction of reading or hide.
 */
#include "claviger/text.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

#define TEXT_MAGIC 0x74657874u
#define MARKS_MAX  4 /* on one base: more only smear over the rows above and below */

struct clv_text {
	uint32_t magic;
	uint32_t cells;
	size_t len;
	char *str;
};

enum shape { SHAPE_ESCAPE, SHAPE_BASE, SHAPE_MARK };

/* What the next code point may lean on. */
struct lean {
	int32_t base; /* -1: nothing a mark may sit on */
	int marks;
};

static const char ellipsis[] = "\xe2\x80\xa6";

static bool is_jamo_tail(int32_t cp)
{
	/* Conjoining vowels and finals: cells of their own in some terminals, none in others. */
	return (cp >= 0x1160 && cp <= 0x11ff) || (cp >= 0xd7b0 && cp <= 0xd7ff);
}

static bool is_jamo_lead(int32_t cp)
{
	return (cp >= 0x1100 && cp <= 0x115e) || (cp >= 0xa960 && cp <= 0xa97c);
}

static bool is_pictograph(int32_t cp)
{
	return cp > 0x7f &&
	       utf8proc_get_property(cp)->boundclass == UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC;
}

/* Which shape cp has after what came before. *cells: 1 or 2 for a base. */
static enum shape shape_of(int32_t cp, const struct lean *at, uint32_t *cells)
{
	const utf8proc_property_t *p = utf8proc_get_property(cp);
	int width;

	*cells = 1;
	if (cp >= 0x20 && cp < 0x7f)
		return SHAPE_BASE;
	if (cp == 0xfe0e || cp == 0xfe0f)
		return at->marks == 0 && is_pictograph(at->base) ? SHAPE_MARK : SHAPE_ESCAPE;
	if (p->ignorable || is_jamo_tail(cp)) {
		/* Soft hyphen, joiners, fillers, tags, all other variation selectors. */
		bool jamo = is_jamo_tail(cp) && !p->ignorable && is_jamo_lead(at->base) && at->marks < 2;
		return jamo && p->category == UTF8PROC_CATEGORY_LO ? SHAPE_MARK : SHAPE_ESCAPE;
	}
	switch (p->category) {
	case UTF8PROC_CATEGORY_CN:
	case UTF8PROC_CATEGORY_CC:
	case UTF8PROC_CATEGORY_CF:
	case UTF8PROC_CATEGORY_CS:
	case UTF8PROC_CATEGORY_CO:
	case UTF8PROC_CATEGORY_ZL:
	case UTF8PROC_CATEGORY_ZP:
		return SHAPE_ESCAPE;
	case UTF8PROC_CATEGORY_MN:
	case UTF8PROC_CATEGORY_ME:
		return at->base >= 0 && at->marks < MARKS_MAX ? SHAPE_MARK : SHAPE_ESCAPE;
	case UTF8PROC_CATEGORY_MC:
		return SHAPE_BASE; /* takes a cell in terminals, whatever the library says */
	default:
		break;
	}
	width = utf8proc_charwidth(cp);
	if (width < 1)
		return SHAPE_ESCAPE; /* a cell of no width could not be drawn */
	*cells = width > 1 ? 2 : 1;
	return SHAPE_BASE;
}

/* One code point, or a single invalid byte as -1. Returns the bytes taken (1 to 4). */
static size_t decode(struct clv_slice s, int32_t *cp)
{
	utf8proc_int32_t value = -1;
	utf8proc_ssize_t n = utf8proc_iterate(s.ptr, (utf8proc_ssize_t)(s.len > 4 ? 4 : s.len), &value);

	if (n <= 0 || value < 0) {
		*cp = -1;
		return 1;
	}
	*cp = value;
	return (size_t)n;
}

/* Writes what stands for the next piece of s and advances it. Room for 12 bytes. Returns length. */
static size_t render(struct clv_slice *s, struct lean *at, uint32_t *cells, char out[16])
{
	int32_t cp;
	size_t n = decode(*s, &cp);
	size_t len;
	enum shape shape = cp < 0 ? SHAPE_ESCAPE : shape_of(cp, at, cells);

	if (shape != SHAPE_ESCAPE) {
		memcpy(out, s->ptr, n);
		len = n;
		if (shape == SHAPE_BASE) {
			*at = (struct lean){cp, 0};
		} else {
			*cells = 0;
			at->marks++;
		}
	} else {
		if (cp < 0)
			len = (size_t)snprintf(out, 16, "\\x%02x", s->ptr[0]);
		else if (cp < 0xa0)
			len = (size_t)snprintf(out, 16, "\\x%02x", (unsigned)cp);
		else
			len = (size_t)snprintf(out, 16, "\\u{%04x}", (unsigned)cp);
		*cells = (uint32_t)len;
		*at = (struct lean){-1, 0}; /* no mark may sit on our own brace */
	}
	s->ptr += n;
	s->len -= n;
	return len;
}

static struct clv_text *wrap(char *str, size_t len, uint32_t cells)
{
	struct clv_text *t = clv_calloc(1, sizeof(*t));

	t->magic = TEXT_MAGIC;
	t->str = str;
	t->len = len;
	t->cells = cells;
	return t;
}

struct clv_text *text_new(struct clv_slice foreign)
{
	struct lean at = {-1, 0};
	bool cut = foreign.len > CLV_TEXT_MAX;
	uint32_t cells = 0;
	uint32_t piece_cells;
	size_t len = 0;
	size_t cap;
	char piece[16];
	char *str;

	if (cut)
		foreign.len = CLV_TEXT_MAX;
	/* The worst case is a C1 or stray byte: four characters for one; "\u{10ffff}" takes 10 for 4. */
	cap = foreign.len * 4 + sizeof(ellipsis) + 1;
	str = clv_calloc(1, cap);
	while (foreign.len > 0) {
		size_t n;

		if (cut && foreign.len < 4 && (foreign.ptr[0] & 0x80) != 0)
			break; /* perhaps a character that our own cut has halved */
		n = render(&foreign, &at, &piece_cells, piece);
		assert(len + n + sizeof(ellipsis) <= cap);
		memcpy(str + len, piece, n);
		len += n;
		cells += piece_cells;
	}
	if (cut) {
		memcpy(str + len, ellipsis, sizeof(ellipsis) - 1);
		len += sizeof(ellipsis) - 1;
		cells++;
	}
	str = clv_realloc(str, len + 1, 1);
	str[len] = '\0';
	return wrap(str, len, cells);
}

struct clv_text *text_new_str(const char *foreign)
{
	return text_new(slice_str(foreign));
}

void text_free(struct clv_text *t)
{
	if (t == NULL)
		return;
	assert(t->magic == TEXT_MAGIC);
	t->magic = 0;
	explicit_bzero(t->str, t->len);
	clv_free(t->str);
	clv_free(t);
}

const char *text_str(const struct clv_text *t)
{
	assert(t->magic == TEXT_MAGIC);
	return t->str;
}

size_t text_len(const struct clv_text *t)
{
	assert(t->magic == TEXT_MAGIC);
	return t->len;
}

uint32_t text_cells(const struct clv_text *t)
{
	assert(t->magic == TEXT_MAGIC);
	return t->cells;
}

bool text_next(const struct clv_text *t, size_t *off, struct clv_slice *cluster, uint32_t *cells)
{
	struct lean at = {-1, 0};
	uint32_t more;
	int32_t cp;
	size_t n;
	size_t start = *off;

	assert(t->magic == TEXT_MAGIC);
	if (start >= t->len)
		return false;
	n = decode(slice_of(t->str + start, t->len - start), &cp);
	(void)shape_of(cp, &at, cells);
	at = (struct lean){cp, 0};
	*off = start + n;
	while (*off < t->len) {
		n = decode(slice_of(t->str + *off, t->len - *off), &cp);
		if (shape_of(cp, &at, &more) != SHAPE_MARK)
			break;
		at.marks++;
		*off += n;
	}
	*cluster = slice_of(t->str + start, *off - start);
	return true;
}

/* Bytes of the longest front that takes at most `cells` columns. */
static size_t front(const struct clv_text *t, uint32_t cells, uint32_t *used)
{
	struct clv_slice cluster;
	uint32_t width;
	size_t off = 0;
	size_t end = 0;

	*used = 0;
	while (text_next(t, &off, &cluster, &width) && *used + width <= cells) {
		*used += width;
		end = off;
	}
	return end;
}

/* Offset of the longest back that takes at most `cells` columns. */
static size_t back(const struct clv_text *t, uint32_t cells, uint32_t *used)
{
	struct clv_slice cluster;
	uint32_t width;
	uint32_t left = t->cells;
	size_t off = 0;

	while (left > cells && text_next(t, &off, &cluster, &width))
		left -= width;
	*used = left;
	return off;
}

static struct clv_text *join(const struct clv_text *t, size_t head, uint32_t head_cells, size_t tail,
                             uint32_t tail_cells)
{
	size_t dots = sizeof(ellipsis) - 1;
	size_t len = head + dots + (t->len - tail);
	char *str = clv_calloc(1, len + 1);

	memcpy(str, t->str, head);
	memcpy(str + head, ellipsis, dots);
	memcpy(str + head + dots, t->str + tail, t->len - tail);
	return wrap(str, len, head_cells + 1 + tail_cells);
}

struct clv_text *text_cut(const struct clv_text *t, uint32_t cells)
{
	uint32_t used;
	size_t head;

	assert(t->magic == TEXT_MAGIC);
	if (t->cells <= cells)
		return wrap(clv_memdup(t->str, t->len + 1), t->len, t->cells);
	if (cells == 0)
		return text_new_str("");
	head = front(t, cells - 1, &used);
	return join(t, head, used, t->len, 0);
}

struct clv_text *text_cut_middle(const struct clv_text *t, uint32_t cells)
{
	uint32_t head_cells;
	uint32_t tail_cells;
	size_t head;
	size_t tail;

	assert(t->magic == TEXT_MAGIC);
	if (t->cells <= cells || cells < 3)
		return text_cut(t, cells);
	/* The start tells kinds apart, the end tells numbers apart: a little more for the start. */
	tail = back(t, (cells - 1) / 3, &tail_cells);
	head = front(t, cells - 1 - tail_cells, &head_cells);
	return join(t, head, head_cells, tail, tail_cells);
}

clv_rc text_escape(struct clv_buf *b, struct clv_slice foreign, struct clv_err *err)
{
	struct clv_text *t = text_new(foreign);
	clv_rc rc = buf_put(b, slice_of(t->str, t->len), err);

	text_free(t);
	return rc;
}
