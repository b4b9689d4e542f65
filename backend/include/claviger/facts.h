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

#define X(sym, word) sym,
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
void facts_roles_free(struct clv_role_fact *f, size_t n);
void facts_requests_free(struct clv_request_fact *f, size_t n);
void facts_overview_free(struct clv_overview_fact *f);
void facts_whoami_free(struct clv_whoami_fact *f);

#endif
