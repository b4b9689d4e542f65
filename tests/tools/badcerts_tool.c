/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the matrix of bad certificates into a folder, for tests with other people's programs:
 * ca.pem, ca.crl, good.pem and .key (two of them), and for each row bad/N.pem (chain behind the
 * leaf), bad/N.key and one line "N words" in bad/list ("-" where no handshake can be tried).
 */
#include "tests/lib/badcerts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *dir;

static void store(const char *name, struct clv_buf *b)
{
	char path[4096];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	if (f == NULL || fwrite(buf_slice(b).ptr, 1, buf_slice(b).len, f) != buf_slice(b).len ||
	    fclose(f) != 0) {
		fprintf(stderr, "badcerts: cannot write %s\n", path);
		exit(1);
	}
	(void)chmod(path, 0600);
	buf_clear(b);
}

static void store_case(const char *name, const struct bad_case *c)
{
	char file[128];
	struct clv_buf b;

	buf_init(&b, 1u << 20);
	mk_put_cert(&b, c->leaf.x);
	for (size_t i = 0; i < c->n_chain; i++)
		mk_put_cert(&b, c->chain[i].x);
	(void)snprintf(file, sizeof(file), "%s.pem", name);
	store(file, &b);
	mk_put_key(&b, c->leaf.key);
	(void)snprintf(file, sizeof(file), "%s.key", name);
	store(file, &b);
	buf_release(&b);
}

static void store_good(const struct bad_world *w, const char *name)
{
	struct mk_spec s = mk_node(name);
	struct bad_case c = {.leaf = mk_issue(&s, mk_key("P-256", true), &w->ca)};

	store_case(name, &c);
	bad_case_release(&c);
}

int main(int argc, char **argv)
{
	struct bad_world w;
	struct clv_buf list;
	struct clv_err err;
	char name[160];

	if (argc != 2) {
		fprintf(stderr, "usage: badcerts_tool DIR\n");
		return 2;
	}
	dir = argv[1];
	(void)snprintf(name, sizeof(name), "%s/bad", dir);
	(void)mkdir(name, 0755);
	bad_world_init(&w);
	store("ca.pem", &w.ca_pem);
	store("ca.crl", &w.crl_pem);
	store_good(&w, BAD_NAME);
	store_good(&w, "app01.ops.test");
	buf_init(&list, 65536);
	for (size_t i = 0; i < n_bad_rows; i++) {
		struct bad_case c = {0};

		bad_rows[i].make(&w, &c);
		(void)snprintf(name, sizeof(name), "bad/%s", bad_rows[i].name);
		for (char *p = name; *p != '\0'; p++)
			*p = *p == ' ' ? '_' : *p;
		store_case(name, &c);
		if (buf_printf(&list, &err, "%s %s\n", name + 4,
		               bad_rows[i].no_handshake ? "-" : bad_rows[i].words) != CLV_OK)
			return 1;
		bad_case_release(&c);
	}
	store("bad/list", &list);
	buf_release(&list);
	bad_world_release(&w);
	return 0;
}
