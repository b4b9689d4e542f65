/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numbered schema steps of OperationsManager.db. A step is never changed once released; changes
 * are new steps that expand first and contract later.
 */
#include "store/store.h"

static const char *const steps[] = {
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE agents(name TEXT PRIMARY KEY, role TEXT NOT NULL, approval INTEGER NOT NULL, node_key BLOB "
    "NOT NULL,"
    " machine BLOB NOT NULL, pinned_at INTEGER NOT NULL, pinned_by TEXT NOT NULL, generation INTEGER NOT "
    "NULL DEFAULT 0,"
    " rotate_above INTEGER NOT NULL DEFAULT 0, config_version INTEGER NOT NULL DEFAULT 0,"
    " config_ordinal INTEGER NOT NULL DEFAULT 0, config_confirmed INTEGER NOT NULL DEFAULT 0,"
    " config_confirmed_ordinal INTEGER NOT NULL DEFAULT 0, config_confirmed_at INTEGER NOT NULL DEFAULT 0,"
    " last_seen INTEGER NOT NULL DEFAULT 0, channel_configured BLOB,"
    " row_version INTEGER NOT NULL DEFAULT 1) WITHOUT ROWID;"
    "CREATE TABLE keys(agent TEXT NOT NULL, generation INTEGER NOT NULL, ordinal INTEGER NOT NULL, state "
    "INTEGER NOT NULL,"
    " cert BLOB NOT NULL, publication BLOB NOT NULL, signature BLOB NOT NULL, sha1 BLOB NOT NULL, sha256 "
    "BLOB NOT NULL,"
    " bits INTEGER NOT NULL, not_before INTEGER NOT NULL, not_after INTEGER NOT NULL, made INTEGER NOT NULL "
    "DEFAULT 0,"
    " published INTEGER NOT NULL DEFAULT 0, stored INTEGER NOT NULL DEFAULT 0, in_use INTEGER NOT NULL "
    "DEFAULT 0,"
    " confirmed INTEGER NOT NULL DEFAULT 0, retired INTEGER NOT NULL DEFAULT 0, destroyed INTEGER NOT NULL "
    "DEFAULT 0,"
    " PRIMARY KEY(agent, generation)) WITHOUT ROWID;"
    "CREATE TABLE outboxes(agent TEXT NOT NULL, outbox BLOB NOT NULL, next INTEGER NOT NULL, PRIMARY "
    "KEY(agent, outbox))"
    " WITHOUT ROWID;"
    "CREATE TABLE pending(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, role TEXT NOT NULL, "
    "node_key BLOB NOT NULL,"
    " machine BLOB NOT NULL, fingerprint BLOB NOT NULL, origin TEXT NOT NULL, came_by TEXT NOT NULL, "
    "looks_like TEXT NOT NULL,"
    " conflict INTEGER NOT NULL, vouched INTEGER NOT NULL, time INTEGER NOT NULL, UNIQUE(name, node_key, "
    "came_by));"
    "CREATE TABLE events(seq INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, node TEXT NOT NULL,"
    " source TEXT NOT NULL, id INTEGER NOT NULL, level INTEGER NOT NULL, category TEXT NOT NULL, text TEXT "
    "NOT NULL);"
    "CREATE INDEX events_node ON events(node, seq);"
    "CREATE INDEX events_time ON events(time);"
    "CREATE TABLE audit(seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, who TEXT NOT NULL, origin TEXT NOT "
    "NULL,"
    " act TEXT NOT NULL, object TEXT NOT NULL, result TEXT NOT NULL, detail TEXT NOT NULL, hash BLOB NOT "
    "NULL);"
    "CREATE TABLE checkpoints(seq INTEGER PRIMARY KEY, hash BLOB NOT NULL, body BLOB NOT NULL, signature "
    "BLOB NOT NULL,"
    " time INTEGER NOT NULL);"
    "CREATE TABLE roles(principal TEXT NOT NULL, role INTEGER NOT NULL, since INTEGER NOT NULL, by TEXT NOT "
    "NULL,"
    " PRIMARY KEY(principal, role)) WITHOUT ROWID;",
    /* Rows that decide, under MACs; passwords under the group key; what hosts hold. */
    "DROP TABLE roles;"
    "ALTER TABLE agents ADD COLUMN content BLOB;"
    "CREATE TABLE rows(kind TEXT NOT NULL, key TEXT NOT NULL, seq INTEGER NOT NULL, body BLOB NOT NULL, mac "
    "BLOB NOT NULL,"
    " PRIMARY KEY(kind, key)) WITHOUT ROWID;"
    "CREATE TABLE passwords(account TEXT NOT NULL, version INTEGER NOT NULL, blob BLOB NOT NULL, time "
    "INTEGER "
    "NOT NULL,"
    " PRIMARY KEY(account, version)) WITHOUT ROWID;"
    "CREATE TABLE held(agent TEXT NOT NULL, account TEXT NOT NULL, has INTEGER NOT NULL DEFAULT 0, trial "
    "INTEGER "
    "NOT NULL DEFAULT 0,"
    " tried INTEGER NOT NULL DEFAULT 0, result INTEGER NOT NULL DEFAULT 0, text TEXT NOT NULL DEFAULT '',"
    " since INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(agent, account)) WITHOUT ROWID;",
    /* Where the audit trail stood, signed. */
    "CREATE TABLE heads(seq INTEGER PRIMARY KEY, hash BLOB NOT NULL, body BLOB NOT NULL, signature BLOB NOT "
    "NULL, time INTEGER NOT NULL);",
    /* A key by its first digits, among a million. */
    "CREATE INDEX keys_sha256 ON keys(sha256); CREATE INDEX keys_sha1 ON keys(sha1);",
    /* judged: the run of the server that came to the verdict. Alerts, the parcels they came in, and the
     * records of the nodes on their path. own: the agent's own record held when it came; an alert of a parcel
     * that did not has no outbox, so that it takes nobody's number. */
    "CREATE TABLE parcels(id INTEGER PRIMARY KEY AUTOINCREMENT, agent TEXT NOT NULL, body BLOB NOT NULL, "
    "hash "
    "BLOB NOT NULL,"
    " received INTEGER NOT NULL, own INTEGER NOT NULL, verdict INTEGER NOT NULL DEFAULT 0, why TEXT NOT NULL "
    "DEFAULT '',"
    " checked INTEGER NOT NULL DEFAULT 0, judged BLOB, alerts INTEGER NOT NULL);"
    "CREATE INDEX parcels_received ON parcels(received);"
    "CREATE INDEX parcels_agent ON parcels(agent, id);"
    "CREATE TABLE hops(parcel INTEGER NOT NULL, position INTEGER NOT NULL, body BLOB NOT NULL, signature "
    "BLOB "
    "NOT NULL,"
    " PRIMARY KEY(parcel, position)) WITHOUT ROWID;"
    "CREATE TABLE alerts(id INTEGER PRIMARY KEY AUTOINCREMENT, parcel INTEGER NOT NULL, outbox BLOB, "
    "sequence "
    "INTEGER NOT NULL,"
    " lost_from INTEGER NOT NULL, time INTEGER NOT NULL, severity INTEGER NOT NULL, name TEXT NOT NULL, text "
    "TEXT NOT NULL,"
    " source TEXT NOT NULL, acknowledged INTEGER NOT NULL DEFAULT 0, acknowledged_by TEXT NOT NULL DEFAULT "
    "'',"
    " UNIQUE(outbox, sequence));"
    "CREATE INDEX alerts_parcel ON alerts(parcel);"
    "CREATE INDEX alerts_time ON alerts(time);",
    /* Gateways: which one a node may come through, and where one is reached. */
    "ALTER TABLE agents ADD COLUMN via TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE agents ADD COLUMN via_before TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE agents ADD COLUMN address TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE pending ADD COLUMN via TEXT NOT NULL DEFAULT '';",
    /* The newest number that its node said it made, where that had not come. */
    "ALTER TABLE outboxes ADD COLUMN told INTEGER NOT NULL DEFAULT 0;",
};

clv_rc store_open(const char *path, struct db **out, struct clv_err *err)
{
	struct db *d = NULL;

	if (db_open(path, DB_STORE, &d, err))
		return CLV_FAILED;
	if (db_schema(d, steps, sizeof steps / sizeof steps[0], err)) {
		db_close(d);
		return CLV_FAILED;
	}
	*out = d;
	return CLV_OK;
}
