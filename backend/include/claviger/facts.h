/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts: what the server knows, as open const structs. Strings are foreign bytes (0-terminated,
 * UTF-8 not guaranteed): show them through text.h only. Times are ms since 1970 UTC, 0 = absent.
 * A list owns everything in it; facts_*_free frees all.
 */
#ifndef CLAVIGER_FACTS_H
#define CLAVIGER_FACTS_H

#include "claviger/buf.h"

/* X(symbol, word). One list each for enum and words (JSON, filters, wire). */
#define CLV_APPROVAL_LIST(X)               \
	X(CLV_APPROVAL_PENDING, "pending") \
	X(CLV_APPROVAL_APPROVED, "approved") X(CLV_APPROVAL_REJECTED, "rejected")
#define CLV_CONTACT_LIST(X) \
	X(CLV_CONTACT_DOWN, "down") X(CLV_CONTACT_SILENT, "silent") X(CLV_CONTACT_UP, "up")
#define CLV_MECHANISM_LIST(X)                       \
	X(CLV_MECHANISM_NONE, "none")               \
	X(CLV_MECHANISM_CERTIFICATE, "certificate") \
	X(CLV_MECHANISM_KERBEROS, "kerberos") X(CLV_MECHANISM_LOCAL, "local")
/* Design 3, states of a key. */
#define CLV_KEY_STATE_LIST(X)             \
	X(CLV_KEY_NONE, "none")           \
	X(CLV_KEY_MADE, "made")           \
	X(CLV_KEY_PUBLISHED, "published") \
	X(CLV_KEY_STORED, "stored")       \
	X(CLV_KEY_IN_USE, "in use")       \
	X(CLV_KEY_CONFIRMED, "confirmed") \
	X(CLV_KEY_RETIRED, "retired")     \
	X(CLV_KEY_DESTROYED, "destroyed") X(CLV_KEY_REFUSED, "refused") X(CLV_KEY_REVOKED, "revoked")
#define CLV_ROLE_LIST(X)                 \
	X(CLV_ROLE_NONE, "none")         \
	X(CLV_ROLE_VIEWER, "viewer")     \
	X(CLV_ROLE_OPERATOR, "operator") \
	X(CLV_ROLE_CREDENTIAL_MANAGER, "credential manager") X(CLV_ROLE_ADMINISTRATOR, "administrator")
#define CLV_LEVEL_LIST(X) \
	X(CLV_LEVEL_INFORMATION, "Information") X(CLV_LEVEL_WARNING, "Warning") X(CLV_LEVEL_ERROR, "Error")
/* RunAs accounts (design 1 S14 to S24, reference/scom-facts.md 2). */
#define CLV_ACCOUNT_TYPE_LIST(X)              \
	X(CLV_ACCOUNT_SIMPLE, "simple")       \
	X(CLV_ACCOUNT_BASIC, "basic")         \
	X(CLV_ACCOUNT_DIGEST, "digest")       \
	X(CLV_ACCOUNT_WINDOWS, "windows")     \
	X(CLV_ACCOUNT_ACTION, "action")       \
	X(CLV_ACCOUNT_COMMUNITY, "community") \
	X(CLV_ACCOUNT_SNMPV3, "snmpv3") X(CLV_ACCOUNT_BINARY, "binary")
#define CLV_ACCOUNT_STATE_LIST(X)                      \
	X(CLV_ACCOUNT_NEVER_ENTERED, "never entered")  \
	X(CLV_ACCOUNT_OK, "ok")                        \
	X(CLV_ACCOUNT_NEEDS_REENTRY, "needs re-entry") \
	X(CLV_ACCOUNT_EXPIRING, "expiring")
/* Of an account, while a recovery is under way: NONE, it has nothing to do with it. */
#define CLV_RECOVERY_PHASE_LIST(X)           \
	X(CLV_RECOVERY_NONE, "none")         \
	X(CLV_RECOVERY_TO_ENTER, "to enter") \
	X(CLV_RECOVERY_ENTERED, "entered")   \
	X(CLV_RECOVERY_CONFIRMED, "confirmed") X(CLV_RECOVERY_ASIDE, "set aside")
/* How far the newest version meant for a host has come; stops at the first that fails. */
#define CLV_STEP_LIST(X)             \
	X(CLV_STEP_NONE, "none")     \
	X(CLV_STEP_SEALED, "sealed") \
	X(CLV_STEP_SENT, "sent")     \
	X(CLV_STEP_OPENED, "opened") X(CLV_STEP_TESTED, "tested")
/* One host first (design 7). */
#define CLV_TRIAL_LIST(X)                               \
	X(CLV_TRIAL_NONE, "none")                       \
	X(CLV_TRIAL_WAITS, "waits for its host")        \
	X(CLV_TRIAL_RUNS, "tried")                      \
	X(CLV_TRIAL_OPENED, "opened, nothing tests it") \
	X(CLV_TRIAL_FAILED, "failed")
/* Alerts and the paths they came (design 3, "Alerts and hop records"). */
#define CLV_SEVERITY_LIST(X)                       \
	X(CLV_SEVERITY_NONE, "none")               \
	X(CLV_SEVERITY_INFORMATION, "information") \
	X(CLV_SEVERITY_WARNING, "warning") X(CLV_SEVERITY_CRITICAL, "critical")
#define CLV_VERDICT_LIST(X)                             \
	X(CLV_VERDICT_UNCHECKED, "not checked yet")     \
	X(CLV_VERDICT_VERIFIED, "verified")             \
	X(CLV_VERDICT_UNSIGNED, "unsigned")             \
	X(CLV_VERDICT_UNKNOWN_SIGNER, "unknown signer") \
	X(CLV_VERDICT_BROKEN_CHAIN, "broken chain")     \
	X(CLV_VERDICT_LINK_ENDS_DIFFER, "link ends differ")
#define CLV_TARGET_LIST(X)           \
	X(CLV_TARGET_ALL, "all")     \
	X(CLV_TARGET_CLASS, "class") \
	X(CLV_TARGET_GROUP, "group") \
	X(CLV_TARGET_OBJECT, "object") X(CLV_TARGET_PATTERN, "pattern")

#define X(sym, word) sym,
enum clv_account_type { CLV_ACCOUNT_TYPE_LIST(X) CLV_ACCOUNT_TYPE_MAX };
enum clv_account_state { CLV_ACCOUNT_STATE_LIST(X) CLV_ACCOUNT_STATE_MAX };
enum clv_recovery_phase { CLV_RECOVERY_PHASE_LIST(X) CLV_RECOVERY_PHASE_MAX };
enum clv_step { CLV_STEP_LIST(X) CLV_STEP_MAX };
enum clv_trial { CLV_TRIAL_LIST(X) CLV_TRIAL_MAX };
enum clv_target_kind { CLV_TARGET_LIST(X) CLV_TARGET_MAX };
enum clv_severity { CLV_SEVERITY_LIST(X) CLV_SEVERITY_MAX };
enum clv_verdict { CLV_VERDICT_LIST(X) CLV_VERDICT_MAX };
enum clv_approval { CLV_APPROVAL_LIST(X) CLV_APPROVAL_MAX };
enum clv_contact { CLV_CONTACT_LIST(X) CLV_CONTACT_MAX };
enum clv_mechanism { CLV_MECHANISM_LIST(X) CLV_MECHANISM_MAX };
enum clv_key_state { CLV_KEY_STATE_LIST(X) CLV_KEY_STATE_MAX };
enum clv_role { CLV_ROLE_LIST(X) CLV_ROLE_MAX };
enum clv_level { CLV_LEVEL_LIST(X) CLV_LEVEL_MAX };
#undef X

const char *clv_approval_word(enum clv_approval v);
const char *clv_contact_word(enum clv_contact v);
const char *clv_mechanism_word(enum clv_mechanism v);
const char *clv_key_state_word(enum clv_key_state v);
const char *clv_role_word(enum clv_role v);
const char *clv_level_word(enum clv_level v);
/* false when the word is none of the list. */
const char *clv_account_type_word(enum clv_account_type v);
const char *clv_account_state_word(enum clv_account_state v);
const char *clv_recovery_phase_word(enum clv_recovery_phase v);
const char *clv_step_word(enum clv_step v);
const char *clv_trial_word(enum clv_trial v);
const char *clv_target_kind_word(enum clv_target_kind v);
const char *clv_severity_word(enum clv_severity v);
const char *clv_verdict_word(enum clv_verdict v);
bool clv_severity_parse(const char *word, enum clv_severity *out);
bool clv_account_type_parse(const char *word, enum clv_account_type *out);
bool clv_target_kind_parse(const char *word, enum clv_target_kind *out);
bool clv_role_parse(const char *word, enum clv_role *out);
bool clv_key_state_parse(const char *word, enum clv_key_state *out);

/* One generation of an agent certificate (S10 to S13). */
struct clv_key_fact {
	uint64_t generation; /* as on the wire: max(last + 1, ms) ; screens count from 1 */
	uint32_t ordinal;    /* 1 for the first known */
	enum clv_key_state state;
	uint8_t key_id[16]; /* event 7006's value: first 16 bytes of SHA-256 */
	uint8_t sha1[20];
	uint8_t sha256[32];
	uint32_t rsa_bits;
	int64_t not_before, not_after;
	int64_t made, published, stored, in_use, confirmed, retired, destroyed, refused;
	char *reason; /* refused or revoked: why; else NULL */
	char *pem;    /* in describe only; else NULL */
};

struct clv_agent_fact {
	char *name;
	enum clv_approval approval;
	enum clv_contact contact;
	bool has_key;
	struct clv_key_fact key; /* newest that is not destroyed or refused */
	char *gateway;           /* NULL: direct */
	char *server;            /* NULL: no link now */
	enum clv_mechanism mechanism;
	char *protocol, *cipher; /* NULL: no link now */
	int64_t last_seen;
	uint64_t config_version; /* newest made; 0 none */
	uint32_t config_ordinal; /* counted from 1 */
	uint64_t row_version;    /* acts carry it: nothing is done if it changed meanwhile */
};

/* describe agent, :agent */
struct clv_agent_detail {
	struct clv_agent_fact agent;
	struct clv_key_fact *keys; /* newest first */
	size_t n_keys;
	int64_t link_since;
	bool clock_known; /* beside the server's, as it measured and signed it, give or take clock_error_ms */
	int64_t clock_ahead_ms;
	uint32_t clock_error_ms;
	uint8_t fingerprint[16];
	bool fingerprint_agreed;        /* both ends proved it */
	uint8_t channel_thumbprint[32]; /* channel certificate in use, SHA-256 */
	bool has_channel_cert;
	int64_t channel_not_after;
	uint8_t channel_configured[32]; /* as the agent reports it (P3) */
	bool has_configured;
	uint8_t node_key_id[32]; /* SHA-256 of the node key's SubjectPublicKeyInfo */
	int64_t pinned_at;
	char *pinned_by;
	bool machine_matches;
	uint64_t config_confirmed; /* version */
	uint32_t config_confirmed_ordinal;
	int64_t config_confirmed_at;
	struct clv_event_fact *events; /* newest first, at most 50 */
	size_t n_events;
	uint32_t accounts, accounts_confirmed, accounts_missing; /* that go to it */
	struct clv_agent_account *account_rows;                  /* what is missing first */
	size_t n_account_rows;
};
struct clv_agent_account {
	char *name;
	uint64_t version; /* meant for it; 0: none is entered yet */
	enum clv_step step;
	int64_t since;
	bool missing;
	bool held_back; /* a password was entered, but it is tried elsewhere first or was not released */
};

struct clv_event_fact {
	uint64_t seq;
	int64_t time;
	char *node;
	char *source; /* "HealthService", "OpsMgr Connector" */
	uint32_t id;  /* 7006, 20000 ... */
	enum clv_level level;
	char *category;
	char *text;
};

/* A request to be accepted; see design 7 "pending". */
struct clv_pending_fact {
	uint64_t id;
	char *name;
	char *role;
	char *from;       /* address */
	char *came_by;    /* "certificate, own name" | "certificate of lab-3.ops.test" */
	char *looks_like; /* "proved its name" | "CLONE: key of app02" | "IMPOSTOR? name taken" | "like
	                     web01.ops.test: web0l" */
	bool conflict;
	int64_t time;
	char *fingerprint_hidden; /* 64 hex digits upper case in groups of 4, the first 12 as "••••" */
	char *known_fingerprint;  /* conflict: node key of the known one, hex prefix; NULL */
	int64_t known_pinned_at;
	char *known_pinned_by;
	char *known_from;
	bool known_alive;
	char *machine, *known_machine; /* short hex of the machine id hashes; NULL */
	bool vouched;                  /* signed by the known key */
};

struct clv_audit_fact {
	uint64_t seq;
	int64_t time;
	char *who, *from, *act, *object, *result, *detail;
	uint8_t hash[32];
};

struct clv_account_fact {
	char *id; /* 32 hex digits */
	char *name;
	enum clv_account_type type;
	enum clv_account_state state;
	bool less_secure;
	uint32_t targets, sent, confirmed, missing; /* hosts, for the newest version meant for each */
	int64_t changed;
	char *changed_by;
	char *user, *domain, *kept_by, *note;
	char *context, *auth_protocol, *privacy_protocol; /* SNMPv3 */
	int64_t ends;                                     /* of the password, as told; 0 never */
	uint64_t version, released;                       /* design/console.proto; 0 never entered */
	uint64_t row_version;
	int64_t entered; /* the newest password; 0 never */
	char *entered_by;
	enum clv_recovery_phase recovery;
	enum clv_trial trial;
	uint32_t offline;       /* of the missing hosts, those not in touch */
	char *aside, *aside_by; /* why nobody has to enter it again; "" */
	int64_t aside_at;
	char *claim_by; /* whose password form is open for it; "" nobody's */
	int64_t claim_at;
	bool claim_mine;
};
/* Somebody has a password form open. */
struct clv_claim_fact {
	char *account, *by;
	int64_t at; /* the last key */
	bool mine;
};
/* The group came back after a loss; epoch 0: it never had to. */
struct clv_recovery_fact {
	uint64_t epoch, group_key;
	int64_t began, finished;
	char *by, *finished_by;
	bool kept_keys;
	uint32_t accounts, to_enter, entered, confirmed, aside, agents, agents_back;
	int64_t first_end; /* soonest among those to enter; 0: none is known */
	char *first_end_account;
	struct clv_claim_fact *claims;
	size_t n_claims;
};
/* What a recovery came to. Its signature was verified before this is handed out. */
struct clv_report_fact {
	char *server, *text;
	uint64_t epoch, audit_seq;
	int64_t time;
	uint8_t audit_hash[32], group_key_id[32];  /* SHA-256 of the group signing key */
	struct clv_buf body, signature, group_key; /* to be checked elsewhere */
};
struct clv_account_host {
	char *host;
	uint64_t has, meant; /* versions; 0 none */
	enum clv_step step;  /* reached for `meant` */
	enum clv_level sign; /* Information: on its way or done; Warning; Error */
	int64_t since;
	char *why; /* what is wrong and what happens next; "" */
};
struct clv_account_use {
	char *profile, *target; /* "all", "class SQL Server" */
};
struct clv_account_detail {
	struct clv_account_fact account;
	char **goes_to; /* names, patterns, "group:NAME" */
	size_t n_goes_to;
	struct clv_account_use *uses;
	size_t n_uses;
	char **also_in;
	size_t n_also_in;
	uint32_t hosts, unused, sealed, sent, opened, tested, failing, waiting;
	bool has_check;
	struct clv_account_host *rows;
	size_t n_rows;
	char *first;
	enum clv_trial trial;
	char *trial_text;
	struct clv_event_fact *events;
	size_t n_events;
};
struct clv_profile_fact {
	char *name, *account, *target; /* account "": none yet */
	uint64_t row_version;
};
struct clv_group_fact {
	char *name;
	char **members; /* names and patterns */
	size_t n_members;
	uint32_t hosts;
	char **used_by; /* accounts and profiles */
	size_t n_used_by;
	uint64_t row_version;
};
struct clv_server_fact {
	char *name;
	uint8_t node_key_id[32];
	uint64_t group_key; /* version of the group key it holds */
	char *version;
	char *pem;                  /* group signing key as a self-signed certificate */
	char *role, *via, *address; /* "management-server" or "gateway"; via NULL: directly */
	enum clv_contact contact;
	uint32_t agents, behind; /* of a gateway: assigned to it; whose links it carries now */
};
/* What a password for one account is sealed to. The signature was verified under the session's pinned
 * group signing key before this is handed out. */
struct clv_intake_fact {
	char *group, *account_id, *account, *user, *domain, *principal, *first, *server;
	enum clv_account_type type;
	uint64_t version, row_version;
	uint32_t hosts;
	bool has_check;
	uint8_t key_id[16];         /* of the certificate: what the form shows */
	struct clv_buf certificate; /* DER */
};
/* What an act would do. */
struct clv_plan_fact {
	char *text;
	uint32_t n_gains, n_loses, n_offline;
	char **gains, **loses, **offline, **warnings;
	size_t gains_len, loses_len, offline_len, warnings_len;
	uint64_t row_version;
};

/* An alert as it is stored, and what is known of the path it came. */
struct clv_alert_fact {
	uint64_t id, sequence, count; /* count: 1, or how many an outbox let go */
	uint64_t lost_from;           /* 0: it is a real one */
	int64_t time, received, checked, acknowledged;
	enum clv_severity severity;
	enum clv_verdict path;
	bool own_record; /* the agent's own hop record held when it came: else it was kept as unverified */
	char *agent, *name, *text, *source, *why, *acknowledged_by;
};
struct clv_trace_node {
	char *name, *role;
	int64_t received, sent, stored; /* its own claim; 0: it says none */
	enum clv_verdict verdict;
	char *why;
};
struct clv_trace_link {
	char *from, *to;
	enum clv_mechanism mechanism;
	char *protocol, *cipher;
	uint8_t fingerprint_from[16], fingerprint_to[16];
	bool has_from, has_to;
	bool both;  /* both ends say the same; else what stands here is one end's claim */
	char *weak; /* why it is weak; "" */
};
struct clv_trace_fact {
	int64_t time;
	struct clv_alert_fact *alert; /* NULL: a probe */
	char *agent;
	enum clv_verdict verdict;
	char *why;
	struct clv_trace_node *nodes;
	size_t n_nodes;
	struct clv_trace_link *links;
	size_t n_links;
	uint32_t alerts; /* in its parcel */
	/* from the first node's sending to its arrival at the last, and that node's clock beside the last's,
	 * both give or take clock_error_ms; as measured over the link of now */
	bool clock_known;
	int64_t clock_ahead_ms, under_way_ms;
	uint32_t clock_error_ms;
};
/* Is it encrypted, in any way? (S8) */
struct clv_encryption_link {
	char *from, *to, *protocol, *cipher, *key, *weak, *later;
	enum clv_mechanism mechanism;
	int64_t since, last;
	bool live, agreed;
	uint64_t parcels, verified, alerts;
};
struct clv_encryption_delivery {
	char *host, *account, *how;
	uint64_t version;
	enum clv_step step;
	uint8_t key_id[16];
	bool has_key;
	uint32_t bits;
};
struct clv_encryption_fact {
	int64_t time, from, to;
	char *group, *server, *node; /* node "": the whole group */
	uint64_t parcels, looked, verified, untraced, plain;
	struct clv_encryption_link *links;
	size_t n_links;
	struct clv_encryption_delivery *deliveries;
	size_t n_deliveries;
	char **weak, **limits,
	    **clear; /* what is weak and why; what this does not show; where it is in the clear */
	size_t n_weak, n_limits, n_clear;
};
/* Something that ends, or something that was found. */
struct clv_thing_fact {
	uint64_t seq;
	enum clv_level level;
	int64_t ends;
	char *what, *whose;
	char *text; /* does it renew itself; what was found */
	char *go;   /* a command without its colon; "" none */
};
/* What a walk along the whole audit trail found. */
struct clv_audit_finding {
	uint64_t from, to;
	char *text; /* foreign: "row 17902 was changed after writing" */
};
struct clv_audit_check_fact {
	int64_t time;
	uint64_t first, last, rows,
	    bad;    /* bad: the first row that does not hold; 0 whole; first, last: those that do */
	char *kind; /* "", changed, inserted, taken, missing, cut, anew, checkpoint */
	char *text;
	uint64_t found;                     /* how much is wrong */
	struct clv_audit_finding *findings; /* the first of it */
	size_t n_findings;
	uint64_t seen; /* the last row that the server's key holder was told of; 0: none */
	uint64_t signed_upto, unsigned_heads;
	int64_t signed_at; /* 0: no head is signed */
};

struct clv_role_fact {
	char *principal;
	enum clv_role role;
	int64_t since;
	char *by;
};
struct clv_request_fact {
	char *name;
	enum clv_role role;
	bool changes;
	char *help;
};

struct clv_need_fact {
	enum clv_level level;
	char *text;
	char *go;
	char *key;           /* what D sets it aside by; "" it cannot be */
	int64_t aside_until; /* 0: it stands */
	char *aside_by, *aside_reason;
}; /* a line of the overview; go: ":pending" */
struct clv_overview_fact {
	char *group, *server;
	char *server_version;
	uint8_t node_key_id[32];
	char *listen; /* "rms1.ops.test:5723" */
	uint32_t agents, up, silent, pending, conflicts;
	uint32_t keys, confirmed, on_the_way, late, refused;
	uint32_t ends_7d, ends_30d, ends_90d, ends_total;
	uint32_t turned_away;  /* refused connections in 24 h */
	uint32_t renewals[75]; /* forecast: renewals a day from today on, one bar each */
	uint64_t audit_rows;
	int64_t audit_checked;
	uint32_t accounts, accounts_done, accounts_missing; /* everywhere; somewhere not */
	char **attached;                                    /* who else is at a console now */
	size_t n_attached;
	uint32_t alerts, alerts_critical, alerts_checked, alerts_verified; /* of the last hour */
	struct clv_need_fact *needs;
	size_t n_needs;
	int64_t time; /* server's */
};

struct clv_whoami_fact {
	char *principal;
	char *name;
	enum clv_role role;
	char *group;
	char *server;
	char *channel; /* "local" or "certificate TLS 1.3" */
};

void facts_agent_release(struct clv_agent_fact *f);
void facts_agent_detail_free(struct clv_agent_detail *f);
void facts_events_free(struct clv_event_fact *f, size_t n);
void facts_agents_free(struct clv_agent_fact *f, size_t n);
void facts_pending_free(struct clv_pending_fact *f, size_t n);
void facts_audit_free(struct clv_audit_fact *f, size_t n);
void facts_accounts_free(struct clv_account_fact *f, size_t n);
void facts_account_detail_free(struct clv_account_detail *f);
void facts_profiles_free(struct clv_profile_fact *f, size_t n);
void facts_groups_free(struct clv_group_fact *f, size_t n);
void facts_servers_free(struct clv_server_fact *f, size_t n);
void facts_intake_free(struct clv_intake_fact *f);
void facts_plan_free(struct clv_plan_fact *f);
void facts_recovery_free(struct clv_recovery_fact *f);
void facts_claim_free(struct clv_claim_fact *f);
void facts_report_free(struct clv_report_fact *f);
void facts_things_free(struct clv_thing_fact *f, size_t n);
void facts_audit_check_free(struct clv_audit_check_fact *f);
void facts_alert_release(struct clv_alert_fact *f);
void facts_alerts_free(struct clv_alert_fact *f, size_t n);
void facts_trace_free(struct clv_trace_fact *f);
void facts_encryption_free(struct clv_encryption_fact *f);
void facts_roles_free(struct clv_role_fact *f, size_t n);
void facts_requests_free(struct clv_request_fact *f, size_t n);
void facts_overview_free(struct clv_overview_fact *f);
void facts_whoami_free(struct clv_whoami_fact *f);

#endif
