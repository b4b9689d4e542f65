/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed statements: a kind, a body (canonical protobuf of share/proto/statement.proto) and a
 * signature over "claviger/1 <kind>" 0 <group> <body>. The kind is part of what is signed, so that
 * no signature serves another purpose (design 3). Signing happens in the key holder alone;
 * verifying wherever a statement is read.
 */
#ifndef KEYS_STATEMENT_H
#define KEYS_STATEMENT_H

#include "claviger/buf.h"
#include <openssl/evp.h>
#include <protobuf-c/protobuf-c.h>

enum statement_key { STATEMENT_BY_NODE, STATEMENT_BY_GROUP, STATEMENT_BY_AGENT_CERT, STATEMENT_BY_RECOVERY };

/* X(symbol, number, kind, message prefix, which key, most bytes of the body) */
#define STATEMENT_LIST(X)                                                                   \
	X(STATEMENT_LINK_PROOF, 1, "link-proof", link_proof, STATEMENT_BY_NODE, 1024)       \
	X(STATEMENT_ENROLL, 2, "enroll", enroll_request, STATEMENT_BY_NODE, 2048)           \
	X(STATEMENT_PUBLICATION, 3, "publication", publication, STATEMENT_BY_NODE, 8192)    \
	X(STATEMENT_POSSESSION, 4, "possession", possession, STATEMENT_BY_AGENT_CERT, 1024) \
	X(STATEMENT_OUTBOX, 5, "outbox", outbox_batch, STATEMENT_BY_NODE, 500000)           \
	X(STATEMENT_SERVER_LIST, 6, "server-list", server_list, STATEMENT_BY_GROUP, 60000)  \
	X(STATEMENT_CONFIG, 7, "config", config_statement, STATEMENT_BY_GROUP, 1024)        \
	X(STATEMENT_RECEIPT, 8, "receipt", receipt, STATEMENT_BY_GROUP, 2048)               \
	X(STATEMENT_ACK, 9, "ack", outbox_ack, STATEMENT_BY_GROUP, 1024)                    \
	X(STATEMENT_ROTATE, 10, "rotate", rotate_order, STATEMENT_BY_GROUP, 1024)           \
	X(STATEMENT_AUDIT_HEAD, 11, "audit-head", audit_head, STATEMENT_BY_GROUP, 1024)     \
	X(STATEMENT_INTAKE, 12, "intake", intake_statement, STATEMENT_BY_GROUP, 8192)       \
	X(STATEMENT_REPORT, 13, "report", report, STATEMENT_BY_GROUP, 520000)               \
	X(STATEMENT_SUCCESSION, 14, "succession", succession, STATEMENT_BY_RECOVERY, 1024)  \
	X(STATEMENT_HOP, 20, "hop", hop, STATEMENT_BY_NODE, 4096)                           \
	X(STATEMENT_OUTBOX_STATE, 21, "outbox-state", outbox_state, STATEMENT_BY_NODE, 512) \
	X(STATEMENT_PROBE, 22, "probe", probe_order, STATEMENT_BY_GROUP, 1024)

#define X(sym, num, ...) sym = num,
enum statement_kind { STATEMENT_LIST(X) };
#undef X

enum outbox_kind {
	OUTBOX_EVENT = 1,
	OUTBOX_CONFIRM = 2,
	OUTBOX_DESTROYED = 3,
	OUTBOX_CHANNEL = 4,
	OUTBOX_TRIED = 5,
	OUTBOX_ALERT = 6,
	OUTBOX_LOST = 7
};

#define STATEMENT_SIG_MAX  512u /* bytes: ECDSA P-256 DER, or RSA up to 4096 bits */
#define STATEMENT_SPKI_MAX 1024u

/* The row of a kind; NULL for a number that is none. */
struct statement_row {
	enum statement_kind kind;
	const char *name;
	const ProtobufCMessageDescriptor *body;
	enum statement_key key;
	size_t max;
};
const struct statement_row *statement_row(uint32_t kind);

/* Signs body (canonical, checked against the row here) with key. ECDSA with SHA-256 for EC keys,
 * RSASSA-PSS with SHA-256 for RSA. Appends the signature to sig. */
CLV_MUST clv_rc statement_sign(uint32_t kind, const char *group, struct clv_slice body, EVP_PKEY *key,
                               struct clv_buf *sig, struct clv_err *err);
/* As above for a message that is encoded here; body gets the encoding. */
CLV_MUST clv_rc statement_make(uint32_t kind, const char *group, const ProtobufCMessage *m, EVP_PKEY *key,
                               struct clv_buf *body, struct clv_buf *sig, struct clv_err *err);
/* Verifies with the public key spki (DER SubjectPublicKeyInfo) and decodes; *out is freed by
 * proto_free. CLV_E_SIGNATURE says which kind; nothing of the body is used before. */
CLV_MUST clv_rc statement_open(uint32_t kind, const char *group, struct clv_slice spki, struct clv_slice body,
                               struct clv_slice sig, ProtobufCMessage **out, struct clv_err *err);

/* Keys as bytes. *out is freed by EVP_PKEY_free. Node and group keys are P-256 (anything else is
 * refused by pkey_from_spki_p256). */
CLV_MUST clv_rc pkey_from_spki(struct clv_slice spki, EVP_PKEY **out, struct clv_err *err);
CLV_MUST clv_rc pkey_from_spki_p256(struct clv_slice spki, EVP_PKEY **out, struct clv_err *err);
CLV_MUST clv_rc pkey_to_spki(EVP_PKEY *key, struct clv_buf *out, struct clv_err *err);
CLV_MUST clv_rc pkey_make_p256(EVP_PKEY **out, struct clv_err *err);
/* A signature over what itself, without a statement around it: ECDSA with SHA-256 for EC keys, RSASSA-PSS
 * for RSA. Appends it to sig. Statements and the list inside SecureData are signed by it. */
CLV_MUST clv_rc pkey_sign(EVP_PKEY *key, struct clv_slice what, struct clv_buf *sig, struct clv_err *err);
bool pkey_verify(EVP_PKEY *key, struct clv_slice what, struct clv_slice sig);
bool pkey_is_p256(const EVP_PKEY *key);
/* The text of OpenSSL's newest error, for err texts; empties its queue. */
const char *crypto_reason(void);

#define KEY_HASH_LEN 32u
CLV_MUST clv_rc sha256(struct clv_slice s, uint8_t out[KEY_HASH_LEN], struct clv_err *err);

/* What a person compares at enrolment: SHA-256 over node key and group signing key (design 3). */
CLV_MUST clv_rc enroll_fingerprint(struct clv_slice node_spki, struct clv_slice group_spki,
                                   uint8_t out[KEY_HASH_LEN], struct clv_err *err);
#define FINGERPRINT_TEXT_MAX 112u
#define FINGERPRINT_TYPED    12u /* digits a person types */
/* "7D18 F465 ..."; hidden: the first 12 digits as "••••". */
void fingerprint_text(const uint8_t fp[KEY_HASH_LEN], bool hidden, char out[FINGERPRINT_TEXT_MAX]);
/* Do the typed digits (any spelling: blanks, colons, dashes, case; 12 to 64 of them) open fp?
 * Constant time in the digits. */
bool fingerprint_matches(const uint8_t fp[KEY_HASH_LEN], const char *typed);

#endif
