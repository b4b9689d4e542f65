/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program in a pseudo terminal, with a terminal emulator (libvterm) that shows what an operator
 * would see and answers what a terminal answers. Waits for signs with a limit.
 */
#ifndef TESTS_LIB_PTYTERM_H
#define TESTS_LIB_PTYTERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <termios.h>

struct ptyterm;

/* argv and env end with NULL; env is all the program gets. */
struct ptyterm *pty_start(char *const *argv, char *const *env, int rows, int cols);
void pty_free(struct ptyterm *p); /* kills what still runs */
void pty_send(struct ptyterm *p, const char *bytes, size_t len);
void pty_keys(struct ptyterm *p, const char *s);
/* Reads for that long. */
void pty_pump(struct ptyterm *p, int ms);
/* Reads once, waiting for at most that long. */
void pty_read(struct ptyterm *p, int ms);
/* Until the text is (or is not) on the screen; false: not within ms. */
bool pty_wait(struct ptyterm *p, const char *text, int ms);
bool pty_wait_gone(struct ptyterm *p, const char *text, int ms);
bool pty_has(struct ptyterm *p, const char *text);
/* The row that holds the text, -1: none. */
int pty_row_of(struct ptyterm *p, const char *text);
/* The whole screen; owned by p, until the next call. */
const char *pty_screen(struct ptyterm *p);
void pty_resize(struct ptyterm *p, int rows, int cols);
void pty_cursor(struct ptyterm *p, int *row, int *col);
pid_t pty_pid(const struct ptyterm *p);
/* Waits for the program's end; gives waitpid's status, -1: it runs on. */
int pty_end(struct ptyterm *p, int ms);
/* Alternate screen left, cursor visible, line settings as before. */
bool pty_restored(struct ptyterm *p);
/* All bytes that the program wrote. */
const uint8_t *pty_bytes(const struct ptyterm *p, size_t *len);
/* The emulator stops answering queries. */
void pty_mute(struct ptyterm *p, bool mute);

#endif
