/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a terminal become keys: UTF-8, control characters, CSI, SS3, strings, bracketed paste.
 * Everything the terminal sends is data; what is unknown vanishes whole.
 */
#include "console/input.h"
#include "claviger/buf.h"

#include <ctype.h>
#include <string.h>

#define SEQUENCE_MS 1000 /* the rest of a sequence is waited for that long */

void input_init(struct input *in, int esc_ms)
{
	*in = (struct input){.esc_ms = esc_ms};
}

void input_clear(struct input *in)
{
	in->len = 0;
	in->pasting = false;
	in->paste_len = 0;
}

void input_wipe(struct input *in)
{
	int esc_ms = in->esc_ms;
	explicit_bzero(in, sizeof(*in));
	in->esc_ms = esc_ms;
}

/* Twelve or more hexadecimal digits, blanks and colons in one read are a pasted thumbprint. */
static bool looks_pasted(const uint8_t *p, size_t len)
{
	size_t digits = 0;
	for (size_t i = 0; i < len; i++) {
		if (isxdigit(p[i]))
			digits++;
		else if (p[i] != ' ' && p[i] != ':')
			return false;
	}
	return digits >= 12;
}

static void paste_add(struct input *in, const uint8_t *p, size_t len, int64_t now)
{
	size_t room = INPUT_PASTE_MAX - in->paste_len;
	if (len > room)
		len = room;
	memcpy(in->paste + in->paste_len, p, len);
	in->paste_len += len;
	if (len > 0)
		in->paste_ms = now;
}

void input_feed(struct input *in, const uint8_t *p, size_t len, int64_t now_ms)
{
	static const uint8_t begin[] = "\033[200~", end[] = "\033[201~";
	if (in->len == 0 && !in->pasting && looks_pasted(p, len)) {
		input_feed(in, begin, 6, now_ms);
		input_feed(in, p, len, now_ms);
		input_feed(in, end, 6, now_ms);
		return;
	}
	if (in->len == 0)
		in->since_ms = now_ms;
	if (len > sizeof(in->bytes) - in->len)
		len = sizeof(in->bytes) - in->len;
	memcpy(in->bytes + in->len, p, len);
	in->len += len;
	if (in->pasting)
		in->paste_ms = now_ms;
}

static void eat(struct input *in, size_t n, int64_t now)
{
	memmove(in->bytes, in->bytes + n, in->len - n);
	in->len -= n;
	in->since_ms = now;
}

/* --- sequences: each gives the bytes it takes, 0 when more are needed --- */

static size_t csi_length(const uint8_t *p, size_t len, size_t from)
{
	for (size_t i = from; i < len; i++) {
		if (p[i] >= 0x40 && p[i] <= 0x7e)
			return i + 1;
		if (p[i] < 0x20 || p[i] > 0x3f) /* broken off: what came so far goes */
			return i;
	}
	return 0;
}

/* OSC, DCS, APC, PM, SOS: until BEL or ST. */
static size_t string_length(const uint8_t *p, size_t len)
{
	for (size_t i = 2; i < len; i++) {
		if (p[i] == 0x07)
			return i + 1;
		if (p[i] == 0x1b && i + 1 < len && p[i + 1] == '\\')
			return i + 2;
	}
	return 0;
}

static enum key_code csi_letter(uint8_t final)
{
	static const struct {
		uint8_t final;
		enum key_code code;
	} rows[] = {{'A', KEYC_UP},   {'B', KEYC_DOWN}, {'C', KEYC_RIGHT},   {'D', KEYC_LEFT},
	            {'H', KEYC_HOME}, {'F', KEYC_END},  {'Z', KEYC_BACKTAB}, {'P', KEYC_F1}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].final == final)
			return rows[i].code;
	}
	return KEYC_OTHER;
}

static enum key_code csi_tilde(const uint8_t *p, size_t n)
{
	static const struct {
		const char *param;
		enum key_code code;
	} rows[] = {{"1", KEYC_HOME}, {"2", KEYC_INSERT}, {"3", KEYC_DELETE},
	            {"4", KEYC_END},  {"5", KEYC_PGUP},   {"6", KEYC_PGDN},
	            {"7", KEYC_HOME}, {"8", KEYC_END},    {"11", KEYC_F1}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (slice_eq_str(slice_of(p, n), rows[i].param))
			return rows[i].code;
	}
	return KEYC_OTHER;
}

static enum key_code csi_meaning(struct input *in, const uint8_t *p, size_t n)
{
	uint8_t final = p[n - 1];
	if (final == '[') /* the console's own F1: CSI [ A */
		return KEYC_OTHER;
	if (final == '~' && n == 6 && slice_eq_str(slice_of(p + 2, 3), "200")) {
		in->pasting = true;
		in->paste_len = 0;
		return KEYC_NONE;
	}
	if (final == '~')
		return csi_tilde(p + 2, n - 3);
	if (final == 'n')
		return n == 4 && p[2] == '0' ? KEYC_READY : KEYC_NONE;
	return n == 3 ? csi_letter(final) : KEYC_OTHER; /* with Shift or Ctrl: bound to nothing */
}

/* CSI < button ; column ; row M: a press of the first button, or the wheel; all else is nothing. */
static enum key_code mouse(const uint8_t *p, size_t n, struct key *out)
{
	int v[3] = {0}, at = 0;
	for (size_t i = 3; i + 1 < n; i++) {
		if (p[i] == ';' && at < 2)
			at++;
		else if (isdigit(p[i]) && v[at] < 10000)
			v[at] = v[at] * 10 + p[i] - '0';
		else
			return KEYC_NONE;
	}
	if (at != 2 || p[n - 1] != 'M' || (v[0] != 0 && v[0] != 64 && v[0] != 65) || v[1] < 1 || v[2] < 1)
		return KEYC_NONE;
	out->ch[0] = v[0] == 0 ? 'p' : v[0] == 64 ? 'u' : 'd';
	out->x = v[1] - 1;
	out->y = v[2] - 1;
	return KEYC_MOUSE;
}

static bool take_escape(struct input *in, int64_t now, struct key *out)
{
	const uint8_t *p = in->bytes;
	int64_t age = now - in->since_ms;
	size_t n = 0;
	if (in->len == 1) {
		if (age < in->esc_ms)
			return false;
		eat(in, 1, now);
		in->esc_until_ms = now + SEQUENCE_MS;
		out->code = KEYC_ESC;
		return true;
	}
	if (p[1] == 0x1b) {
		eat(in, 1, now);
		out->code = KEYC_ESC;
		return true;
	}
	if (p[1] == '[')
		n = in->len > 2 && p[2] == '[' ? (in->len > 3 ? 4 : 0) : csi_length(p, in->len, 2);
	else if (p[1] == 'O')
		n = in->len > 2 ? 3 : 0;
	else if (strchr("]P_^X", p[1]) != NULL)
		n = string_length(p, in->len);
	else
		n = 2; /* Alt and a letter: bound to nothing */
	if (n == 0) {
		if (age >= SEQUENCE_MS || in->len == sizeof(in->bytes))
			eat(in, in->len, now);
		return false;
	}
	out->code = KEYC_OTHER;
	if (p[1] == '[' && n > 3 && p[2] == '<')
		out->code = mouse(p, n, out);
	else if (p[1] == '[' && n > 2 && p[n - 1] >= 0x40)
		out->code = csi_meaning(in, p, n);
	else if (p[1] == 'O')
		out->code = csi_letter(p[2]);
	eat(in, n, now);
	return out->code != KEYC_NONE;
}

/* An Esc that was taken by time, and then the rest of the arrow it belonged to. */
static bool swallow_late_rest(struct input *in, int64_t now)
{
	const uint8_t *p = in->bytes;
	if (now >= in->esc_until_ms || (p[0] != '[' && p[0] != 'O'))
		return false;
	size_t n = p[0] == 'O' ? (in->len > 1 ? 2 : 0) : csi_length(p, in->len, 1);
	if (n == 0)
		return now - in->since_ms < 50; /* wait a little for the rest of the rest */
	eat(in, n, now);
	in->esc_until_ms = 0;
	return true;
}

static size_t utf8_length(uint8_t c)
{
	return c < 0x80                ? 1
	       : c >= 0xc2 && c < 0xe0 ? 2
	       : c >= 0xe0 && c < 0xf0 ? 3
	       : c >= 0xf0 && c < 0xf5 ? 4
	                               : 0;
}

static bool take_char(struct input *in, int64_t now, struct key *out)
{
	const uint8_t *p = in->bytes;
	size_t n = utf8_length(p[0]);
	for (size_t i = 1; i < n && i < in->len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			n = 0;
	}
	if (n > in->len) {
		if (now - in->since_ms >= SEQUENCE_MS)
			eat(in, in->len, now);
		return false;
	}
	bool bad = n == 0 || (n == 2 && p[0] == 0xc2 && p[1] < 0xa0);
	if (!bad) {
		memcpy(out->ch, p, n);
		out->ch[n] = '\0';
		out->code = KEYC_CHAR;
	}
	eat(in, n > 0 ? n : 1, now);
	return !bad;
}

static bool take_control(struct input *in, int64_t now, struct key *out)
{
	uint8_t c = in->bytes[0];
	eat(in, 1, now);
	if (c == '\r' || c == '\n')
		out->code = KEYC_ENTER;
	else if (c == '\t')
		out->code = KEYC_TAB;
	else if (c == 0x7f || c == 0x08)
		out->code = KEYC_BACKSPACE;
	else if (c > 0 && c < 0x1b) {
		out->code = KEYC_CTRL;
		out->ch[0] = (char)(c + '@');
	} else {
		out->code = KEYC_OTHER;
	}
	return true;
}

static bool take_paste(struct input *in, int64_t now, struct key *out)
{
	static const char end[] = "\033[201~";
	size_t at = 0;
	while (at < in->len && !(in->bytes[at] == 0x1b && strncmp((const char *)in->bytes + at, end,
	                                                          in->len - at < 6 ? in->len - at : 6) == 0))
		at++;
	paste_add(in, in->bytes, at, now);
	bool ended = at + 6 <= in->len;
	eat(in, ended ? at + 6 : at, now);
	if (!ended && now - in->paste_ms < INPUT_PASTE_MS)
		return false;
	in->pasting = false;
	in->paste[in->paste_len] = '\0';
	out->code = KEYC_PASTE;
	out->text = in->paste;
	out->len = in->paste_len;
	return true;
}

bool input_next(struct input *in, int64_t now_ms, struct key *out)
{
	for (;;) {
		size_t before = in->len;
		*out = (struct key){0};
		if (in->pasting)
			return take_paste(in, now_ms, out);
		if (in->len == 0)
			return false;
		if (swallow_late_rest(in, now_ms)) {
			if (in->len == before)
				return false;
			continue;
		}
		uint8_t c = in->bytes[0];
		bool got = c == 0x1b               ? take_escape(in, now_ms, out)
		           : c < 0x20 || c == 0x7f ? take_control(in, now_ms, out)
		                                   : take_char(in, now_ms, out);
		if (got)
			return true;
		if (in->len == before) /* more bytes, or time, are needed */
			return false;
	}
}

int input_timeout_ms(const struct input *in, int64_t now_ms)
{
	int64_t at;
	if (in->pasting)
		at = in->paste_ms + INPUT_PASTE_MS;
	else if (in->len == 0)
		return -1;
	else if (in->len == 1 && in->bytes[0] == 0x1b)
		at = in->since_ms + in->esc_ms;
	else if (now_ms < in->esc_until_ms)
		at = now_ms + 50;
	else
		at = in->since_ms + SEQUENCE_MS;
	return at > now_ms ? (int)(at - now_ms) : 0;
}
