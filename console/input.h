/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a terminal become keys. A sequence that arrives in two pieces is one sequence; what is
 * not understood is swallowed whole, so that no rest of it is ever taken for letters (a capital
 * letter acts). No I/O, no clock of its own.
 */
#ifndef CONSOLE_INPUT_H
#define CONSOLE_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INPUT_PASTE_MAX 4096u
#define INPUT_PASTE_MS  10000 /* a lost end mark ends a paste after this */

enum key_code {
	KEYC_NONE,
	KEYC_CHAR,
	KEYC_CTRL,
	KEYC_ENTER,
	KEYC_TAB,
	KEYC_BACKTAB,
	KEYC_BACKSPACE,
	KEYC_ESC,
	KEYC_UP,
	KEYC_DOWN,
	KEYC_LEFT,
	KEYC_RIGHT,
	KEYC_HOME,
	KEYC_END,
	KEYC_PGUP,
	KEYC_PGDN,
	KEYC_INSERT,
	KEYC_DELETE,
	KEYC_F1,
	KEYC_PASTE, /* text and len: what was pasted */
	KEYC_READY, /* the terminal's answer to CSI 5n */
	KEYC_MOUSE, /* y, x from 0; ch "p" a press, "u" and "d" the wheel */
	KEYC_OTHER, /* understood as a key, bound to nothing */
};

struct key {
	enum key_code code;
	char ch[5];       /* CHAR: one UTF-8 character; CTRL: the letter */
	const char *text; /* PASTE: borrowed until the next call */
	size_t len;
	int y, x; /* MOUSE */
};

struct input {
	uint8_t bytes[8192];
	size_t len;
	int64_t since_ms;     /* when the front byte came */
	int64_t esc_until_ms; /* after an Esc by time: until then its late rest is swallowed */
	int esc_ms;           /* how long an Esc is waited with */
	bool pasting;
	int64_t paste_ms; /* last byte of it */
	char paste[INPUT_PASTE_MAX + 1];
	size_t paste_len;
};

void input_init(struct input *in, int esc_ms);
/* One read's bytes. What finds no room is dropped. */
void input_feed(struct input *in, const uint8_t *p, size_t len, int64_t now_ms);
/* The next whole key; false when there is none yet. */
bool input_next(struct input *in, int64_t now_ms, struct key *out);
/* Ms until input_next should be asked again without new bytes; -1: no need. */
int input_timeout_ms(const struct input *in, int64_t now_ms);
/* Throws away all that has been read. */
void input_clear(struct input *in);
/* The same, and no byte of it stays. */
void input_wipe(struct input *in);

#endif
