#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# T37: whoever writes a database puts a trigger, a view, an index, a column or a table of his own into it. The service does
# not start with it and names it, at the server's database, at a vault and at an agent's outbox; once it is gone all is as
# before. A trigger that is put there while the service runs silences nothing.
# shellcheck source-path=SCRIPTDIR source=../lib/group.sh
. "$(dirname "$0")/../lib/group.sh"
g_begin
g_init || g_end
g_agent web01 agent || g_end
db=$G/rms1/state/OperationsManager.db vault=$G/rms1/state/vault/vault.db
box=$G/web01/state/HealthService.db
g_stop rms1; g_stop web01
for f in "$db" "$vault" "$box"; do cp -p "$f" "$f.kept"; done
refuses() { # NODE FILE WHAT NAMED SQL
	local rc
	sqlite3 "$2" "$5" || bad "$3: sqlite3"
	timeout 60 "$BIN/clavigerd" run -c "$G/$1/clavigerd.conf" </dev/null >"$G/out" 2>&1
	rc=$?
	equal "$3: the service does not start, and names it" "$([ $rc != 0 ] && [ $rc != 124 ] && echo ended) $(grep -cF "$4" "$G/out" | sed 's/[1-9][0-9]*/named/')" 'ended named'
	cp -p "$2.kept" "$2"
	rm -f "$2-journal"
}
silent="BEGIN SELECT RAISE(IGNORE); END"
refuses rms1 "$db" 'a trigger on the audit trail' 'trigger quiet on audit' "CREATE TRIGGER quiet BEFORE INSERT ON audit $silent"
refuses rms1 "$db" 'a trigger on the rows that decide' 'trigger quiet on rows' "CREATE TRIGGER quiet AFTER INSERT ON rows $silent"
refuses rms1 "$db" "a view in a table's place" 'audit' "ALTER TABLE audit RENAME TO other; CREATE VIEW audit AS SELECT * FROM other WHERE act <> 'x'"
refuses rms1 "$db" 'an index on an expression' 'index odd on keys' 'CREATE INDEX odd ON keys(length(cert))'
refuses rms1 "$db" 'a column more' 'table agents on agents was changed' "ALTER TABLE agents ADD COLUMN more TEXT DEFAULT ''"
refuses rms1 "$db" 'a table more' 'table other on other' 'CREATE TABLE other(x)'
refuses rms1 "$db" 'an index less' 'keys_sha1' 'DROP INDEX keys_sha1'
refuses rms1 "$db" 'statistics of somebody else' 'sqlite_stat1' 'ANALYZE'
refuses rms1 "$vault" 'a trigger in the vault' 'trigger quiet on item' "CREATE TRIGGER quiet BEFORE INSERT ON item $silent"
refuses web01 "$box" 'a view in the outbox' 'view odd on odd' 'CREATE VIEW odd AS SELECT 1'
g_start rms1
check 'without them it starts as before' wait_for 30 g_server_up
g_start web01
here() { [ "$(field_of web01 contact)" = up ]; }
check 'and the agent links' wait_for 60 here
rows() { clv get audit --limit 1000 -o json 2>/dev/null | jq length; }
n=$(rows)
clv group add web 'web*' >/dev/null 2>&1
equal 'an act has its row' "$(rows)" $((n + 1))
g_end
