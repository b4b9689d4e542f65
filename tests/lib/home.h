/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a console leaves in a test's home: its state, and the folders it stands in.
 */
#ifndef TESTS_LIB_HOME_H
#define TESTS_LIB_HOME_H

/* Removes them, and the home where nothing else is in it. */
void home_remove(const char *home);

#endif
