/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w: the list or page into a file, as text, CSV or JSON by its ending. Never over a file that is there,
 * never through a link, readable by its owner alone; into the home folder or the one that console.conf
 * names. Not there in restricted mode.
 */
#ifndef CONSOLE_EXPORT_H
#define CONSOLE_EXPORT_H

#include "claviger/client.h"

#include <stdio.h>

enum export_format { EXPORT_TEXT, EXPORT_CSV, EXPORT_JSON };

struct export
{
	FILE *file; /* NULL: none under way */
	char *path;
	enum export_format format;
	enum clv_list list;
	uint64_t req, done;
};

struct app;
/* A name that is free to be changed: "agents-20261121-210410.csv". */
void export_name(const struct app *a, char *out, size_t size);
/* The name was given. */
void export_begin(struct app *a, const char *name);
bool export_take(struct app *a, const struct clv_reply *r);
/* The line was lost, or the console ends: half a file is no file. */
void export_drop(struct app *a);
/* Opens NAME (no folder in it) in `folder`; the file is new. NULL with *err. */
FILE *export_open(const char *folder, const char *name, char **path, struct clv_err *err);

#endif
