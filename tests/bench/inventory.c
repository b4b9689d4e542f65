/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The database of a group with many agents, for benchmarks: rows as a server writes them, their approvals
 * under the MACs of the group's own key holder. inventory VAULT MACHINE-SECRET GROUP ROWS OUT OUT is a new
 * SQLite file with the tables agents, keys and rows, for ATTACH by who owns the server's database; this runs
 * as who owns the vault, while the server is stopped.
 */
#include "base/file.h"
#include "claviger/secret.h"
#include "daemon/keyholder_group.h"
#include "proto/codec.h"
#include "vault/vault.h"
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define MADE 1763715600000ll
#define YEAR (365ll * 24 * 3600 * 1000)

static const char *const places[] = {"ams", "ber", "dub", "fra", "lon", "mad", "osl", "par"};
static const char *const uses[] = {"app", "db", "file", "mail", "web"};

static int die(const char *what, const char *why)
{
	fprintf(stderr, "inventory: %s: %s\n", what, why);
	return 1;
}

/* A word in each name so that a filter of letters matches some and not others. */
static void name_of(char out[64], int64_t i)
{
	(void)snprintf(out, 64, "%s%07lld.%s.ops.test", uses[i % 5], (long long)i, places[i / 5 % 8]);
}

static void noise(uint8_t *out, size_t len)
{
	for (size_t at = 0; at < len; at += 256) /* getrandom gives 256 bytes at once or none */
		if (getrandom(out + at, len - at < 256 ? len - at : 256, 0) < 0)
			abort();
}

static void step(sqlite3 *db, sqlite3_stmt *s)
{
	if (sqlite3_step(s) != SQLITE_DONE)
		exit(die("a row", sqlite3_errmsg(db)));
	(void)sqlite3_reset(s);
}

struct tables {
	sqlite3 *db;
	sqlite3_stmt *agents, *keys, *rows;
};

static void put_key(const struct tables *t, const char *name, int64_t i)
{
	uint8_t bytes[900 + 64 + 72 + 20 + 32];
	const size_t lens[] = {900, 64, 72, 20, 32};
	size_t at = 0;

	noise(bytes, sizeof bytes);
	(void)sqlite3_bind_text(t->keys, 1, name, -1, SQLITE_STATIC);
	for (int c = 0; c < 5; c++) {
		(void)sqlite3_bind_blob(t->keys, c + 2, bytes + at, (int)lens[c], SQLITE_STATIC);
		at += lens[c];
	}
	(void)sqlite3_bind_int64(t->keys, 7, MADE + YEAR + i * 1000);
	step(t->db, t->keys);
}

static void put_agent(struct kh *k, const struct tables *t, int64_t i)
{
	Clv__ApprovalRow m = CLV__APPROVAL_ROW__INIT;
	Clv__Row row = CLV__ROW__INIT;
	uint8_t bytes[91 + 32], mac[KH_ROW_MAC_LEN];
	struct clv_err err = {0};
	struct clv_buf body;
	char name[64];

	name_of(name, i);
	noise(bytes, sizeof bytes);
	m.name = name;
	m.role = (char *)(uintptr_t) "agent";
	m.approval = 1;
	m.node_key = PROTO_BYTES(slice_of(bytes, 91));
	m.machine = PROTO_BYTES(slice_of(bytes + 91, 32));
	m.pinned_at = MADE;
	m.pinned_by = (char *)(uintptr_t) "bench";
	buf_init(&body, 4096);
	row.kind = (char *)(uintptr_t) "approval";
	row.key = name;
	row.seq = 1;
	if (proto_encode(&m.base, &body, &err))
		exit(die("encoding", err.text));
	row.body = PROTO_BYTES(buf_slice(&body));
	if (kh_row_mac(k, &row, 0, mac, &err))
		exit(die("a MAC", err.text));
	(void)sqlite3_bind_text(t->agents, 1, name, -1, SQLITE_STATIC);
	(void)sqlite3_bind_blob(t->agents, 2, bytes, 91, SQLITE_STATIC);
	(void)sqlite3_bind_blob(t->agents, 3, bytes + 91, 32, SQLITE_STATIC);
	step(t->db, t->agents);
	(void)sqlite3_bind_text(t->rows, 1, name, -1, SQLITE_STATIC);
	(void)sqlite3_bind_blob(t->rows, 2, row.body.data, (int)row.body.len, SQLITE_STATIC);
	(void)sqlite3_bind_blob(t->rows, 3, mac, sizeof mac, SQLITE_STATIC);
	step(t->db, t->rows);
	put_key(t, name, i);
	buf_release(&body);
}

static void make_tables(struct tables *t, const char *path)
{
	static const char schema[] = "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
	                             "CREATE TABLE agents(name TEXT, node_key BLOB, machine BLOB);"
	                             "CREATE TABLE keys(agent TEXT, cert BLOB, publication BLOB, signature "
	                             "BLOB, sha1 BLOB, sha256 BLOB, "
	                             "not_after INTEGER);"
	                             "CREATE TABLE rows(key TEXT, body BLOB, mac BLOB); BEGIN;";

	if (sqlite3_open_v2(path, &t->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) ||
	    sqlite3_exec(t->db, schema, NULL, NULL, NULL) ||
	    sqlite3_prepare_v2(t->db, "INSERT INTO agents VALUES(?,?,?)", -1, &t->agents, NULL) ||
	    sqlite3_prepare_v2(t->db, "INSERT INTO keys VALUES(?,?,?,?,?,?,?)", -1, &t->keys, NULL) ||
	    sqlite3_prepare_v2(t->db, "INSERT INTO rows VALUES(?,?,?)", -1, &t->rows, NULL))
		exit(die(path, sqlite3_errmsg(t->db)));
}

static struct clv_secret *machine_secret(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct clv_secret *s = secret_new(4096, NULL);
	uint8_t bytes[4096];
	ssize_t n = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);

	if (!s || n <= 0 || secret_append(s, bytes, (size_t)n, NULL))
		exit(die(path, "cannot be read"));
	explicit_bzero(bytes, sizeof bytes);
	(void)close(fd);
	return s;
}

int main(int argc, char **argv)
{
	static struct kh k = {.magic = KH_MAGIC, .keygen = -1, .machine_fd = -1};
	static Clv__Start start = CLV__START__INIT;
	struct clv_err err = {0};
	struct clv_secret *machine;
	struct tables t = {0};
	long rows = argc == 6 ? strtol(argv[4], NULL, 10) : 0;

	if (rows < 1 || rows > 9999999) {
		fprintf(stderr, "usage: inventory VAULT MACHINE-SECRET GROUP ROWS OUT\n");
		return 2;
	}
	machine = machine_secret(argv[2]);
	start.group = argv[3];
	k.start = &start;
	if (vault_open(argv[1], machine, (int64_t)time(NULL) * 1000, &k.vault, &err) || kh_load(&k, &err))
		return die(argv[1], err.text);
	make_tables(&t, argv[5]);
	for (long i = 1; i <= rows; i++)
		put_agent(&k, &t, i);
	if (sqlite3_exec(t.db, "COMMIT", NULL, NULL, NULL))
		return die(argv[5], sqlite3_errmsg(t.db));
	(void)sqlite3_finalize(t.agents);
	(void)sqlite3_finalize(t.keys);
	(void)sqlite3_finalize(t.rows);
	(void)sqlite3_close(t.db);
	kh_unload(&k);
	vault_close(k.vault);
	secret_free(machine);
	return 0;
}
