/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A test's own folder, and what a console leaves in it: its state, and the folders it stands in.
 */
#ifndef TESTS_LIB_HOME_H
#define TESTS_LIB_HOME_H

#include <stddef.h>

#define HOME_LEN 48u
/* A new folder under TMPDIR; len as HOME_LEN. Ends the test program where none can be made. */
void home_make(char *dir, size_t len);
/* Removes them, and the home where nothing else is in it. */
void home_remove(const char *home);

#endif
