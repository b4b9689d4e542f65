/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal: the only room with curses in it. Takes it over, gives it back on every way out,
 * draws a canvas, writes the few sequences of our own that curses has none for.
 */
#ifndef CONSOLE_TERM_H
#define CONSOLE_TERM_H

#include "claviger/buf.h"
#include "claviger/text.h"
#include "views/canvas.h"

#include <stdint.h>

struct theme;
struct term_opts {
	int ascii;  /* -1 as the terminal, 0 never, 1 always */
	bool plain; /* nothing is reversed: a reader speaks the row that the cursor is on */
};
/* Takes over the terminal on stdin and stdout. From here on crashes restore it. */
CLV_MUST clv_rc term_open(const struct term_opts *o, struct clv_err *err);
/* What each meaning looks like from the next frame on; NO_COLOR and terminals without colours keep the
 * attributes alone. */
void term_theme(const struct theme *t);
/* Presses and the wheel are told, as input.h says; off by default. */
void term_mouse(bool on);
/* Into the terminal's clipboard by OSC 52, wrapped for tmux and screen; false: longer than terminals take.
 * Never read back. */
bool term_copy(const struct clv_text *t);
/* Gives it back; more than once is fine. */
void term_close(void);
/* Asks the kernel for the size anew. */
void term_resize(void);
/* All of the screen, for drawing into the next frame; erased. */
void term_begin(struct canvas *c);
/* What differs goes out, as far as the terminal takes it now; nothing here waits. */
void term_end(void);
/* The terminal has not taken the last frame yet: the next one waits for it. */
bool term_busy(void);
/* To be polled for writing; -1: nothing to write. */
int term_out_fd(void);
bool term_flush(void);
/* Everything anew (^L): other programs wrote on the screen. */
void term_repaint(void);
/* To the shell and back (^Z). */
void term_suspend(void);
/* CSI 5n: the terminal answers when it has shown all that was written before. */
void term_ask_ready(void);
void term_title(const struct clv_text *title);
/* Esc is told from an arrow after that long. */
int term_esc_ms(void);
/* Bytes written so far: for the bench. */
uint64_t term_frames(void);

#endif
