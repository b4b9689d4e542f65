/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every frame is a row of one table: number, name, body, size limit, who may send it, since which
 * version. Console requests also have the role they need; what has no row ends the connection
 * (default deny). `claviger get requests` prints the second list.
 */
#ifndef PROTO_TYPES_H
#define PROTO_TYPES_H

#include "claviger/facts.h"
#include <stddef.h>
#include <stdint.h>

/* X(symbol, number, body message (protobuf-c prefix), most bytes, sender, since version) */
#define CLV_FRAME_LIST(X)                                                        \
	X(FRAME_LINK_PROOF, 0x10, link_proof_frame, 8192, FROM_NODE_UNPROVEN, 1) \
	X(FRAME_GREETING, 0x11, greeting, 16384, FROM_SERVER_UNPROVEN, 1)        \
	X(FRAME_REFUSAL, 0x13, refusal, 4096, FROM_SERVER_UNPROVEN, 1)           \
	X(FRAME_WELCOME, 0x14, welcome, 65536, FROM_SERVER, 1)                   \
	X(FRAME_HEARTBEAT, 0x15, heartbeat, 4096, FROM_NODE, 1)                  \
	X(FRAME_HEARTBEAT_REPLY, 0x16, heartbeat_reply, 4096, FROM_SERVER, 1)    \
	X(FRAME_PUBLISH, 0x17, publish, 16384, FROM_NODE, 1)                     \
	X(FRAME_RECEIPT, 0x18, signed_statement, 4096, FROM_SERVER, 1)           \
	X(FRAME_CONFIG, 0x19, config, 786432, FROM_SERVER, 1)                    \
	X(FRAME_CONFIG_REQUEST, 0x1a, config_request, 256, FROM_NODE, 1)         \
	X(FRAME_ROTATE, 0x1b, signed_statement, 4096, FROM_SERVER, 1)            \
	X(FRAME_OUTBOX, 0x1c, signed_statement, 524288, FROM_NODE, 1)            \
	X(FRAME_ACK, 0x1d, signed_statement, 4096, FROM_SERVER, 1)               \
	X(FRAME_PARCEL, 0x20, parcel_frame, 589824, FROM_NODE, 1)                \
	X(FRAME_PROBE, 0x21, signed_statement, 4096, FROM_SERVER, 1)             \
	X(FRAME_RELAY_OPEN, 0x22, relay_open, 16384, FROM_NODE, 1)               \
	X(FRAME_RELAY, 0x23, relay, 790528, FROM_BOTH, 1)                        \
	X(FRAME_RELAY_CLOSE, 0x24, relay_close, 4096, FROM_BOTH, 1)              \
	X(FRAME_SERVER_LIST, 0x25, signed_statement, 65536, FROM_SERVER, 1)      \
	X(FRAME_JOIN_KEYS, 0x30, join_keys, 16384, FROM_SERVER_UNPROVEN, 1)

/* X(symbol, number, request body, reply symbol, name, role, changes, help) */
#define CLV_REQUEST_LIST(X)                                                                                  \
	X(REQ_WHOAMI, 0x100, whoami_request, REP_WHOAMI, "whoami", CLV_ROLE_NONE, false,                     \
	  "who the server takes you for")                                                                    \
	X(REQ_OVERVIEW, 0x101, overview_request, REP_OVERVIEW, "overview", CLV_ROLE_VIEWER, false,           \
	  "what needs a person, and counts")                                                                 \
	X(REQ_AGENTS, 0x102, list_request, REP_AGENTS, "get agents", CLV_ROLE_VIEWER, false,                 \
	  "the inventory, a window of it")                                                                   \
	X(REQ_AGENT, 0x103, agent_request, REP_AGENT, "describe agent", CLV_ROLE_VIEWER, false,              \
	  "one agent in full")                                                                               \
	X(REQ_EVENTS, 0x104, list_request, REP_EVENTS, "get events", CLV_ROLE_VIEWER, false,                 \
	  "the Operations Manager log")                                                                      \
	X(REQ_PENDING, 0x105, list_request, REP_PENDING, "get pending", CLV_ROLE_VIEWER, false,              \
	  "who asks to be accepted")                                                                         \
	X(REQ_AUDIT, 0x106, list_request, REP_AUDIT, "get audit", CLV_ROLE_VIEWER, false, "the audit trail") \
	X(REQ_ROLES, 0x107, list_request, REP_ROLES, "get roles", CLV_ROLE_VIEWER, false,                    \
	  "who has which role")                                                                              \
	X(REQ_REQUESTS, 0x108, list_request, REP_REQUESTS, "get requests", CLV_ROLE_VIEWER, false,           \
	  "this table")                                                                                      \
	X(REQ_UNWATCH, 0x109, unwatch_request, REP_DONE, "unwatch", CLV_ROLE_VIEWER, false,                  \
	  "no more pushes for a list")                                                                       \
	X(REQ_ACCOUNTS, 0x10a, list_request, REP_ACCOUNTS, "get accounts", CLV_ROLE_VIEWER, false,           \
	  "RunAs accounts")                                                                                  \
	X(REQ_ACCOUNT, 0x10b, account_request, REP_ACCOUNT, "describe account", CLV_ROLE_VIEWER, false,      \
	  "one account in full")                                                                             \
	X(REQ_PROFILES, 0x10c, list_request, REP_PROFILES, "get profiles", CLV_ROLE_VIEWER, false,           \
	  "profiles and what they use")                                                                      \
	X(REQ_GROUPS, 0x10d, list_request, REP_GROUPS, "get groups", CLV_ROLE_VIEWER, false,                 \
	  "named lists of names and patterns")                                                               \
	X(REQ_SERVERS, 0x10e, list_request, REP_SERVERS, "get servers", CLV_ROLE_VIEWER, false,              \
	  "servers, and the group signing key")                                                              \
	X(REQ_INTAKE, 0x10f, intake_request, REP_INTAKE, "intake", CLV_ROLE_CREDENTIAL_MANAGER, false,       \
	  "what a password is sealed to")                                                                    \
	X(REQ_RECOVERY, 0x110, recovery_request, REP_RECOVERY, "recovery status", CLV_ROLE_VIEWER, false,    \
	  "how far the group's recovery is")                                                                 \
	X(REQ_CLAIM, 0x111, claim_request, REP_CLAIM, "claim", CLV_ROLE_CREDENTIAL_MANAGER, false,           \
	  "somebody is at an account's password")                                                            \
	X(REQ_RECOVERY_REPORT, 0x112, recovery_report_request, REP_RECOVERY_REPORT, "recovery report",       \
	  CLV_ROLE_VIEWER, false, "what the last recovery came to, signed")                                  \
	X(REQ_EXPIRY, 0x118, list_request, REP_EXPIRY, "get expiry", CLV_ROLE_VIEWER, false,                 \
	  "everything that ends, and what renews itself")                                                    \
	X(REQ_FIND, 0x119, list_request, REP_FOUND, "find", CLV_ROLE_VIEWER, false,                          \
	  "anything by a name, a user or any spelling of a key")                                             \
	X(REQ_AUDIT_CHECK, 0x11a, audit_check_request, REP_AUDIT_CHECK, "audit verify", CLV_ROLE_VIEWER,     \
	  false, "does the audit trail hold, and where not")                                                 \
	X(REQ_ALERTS, 0x140, list_request, REP_ALERTS, "get alerts", CLV_ROLE_VIEWER, false,                 \
	  "alerts, and what is known of their paths")                                                        \
	X(REQ_TRACE, 0x141, trace_request, REP_TRACE, "trace", CLV_ROLE_VIEWER, false,                       \
	  "the path of one alert, verified from what is stored")                                             \
	X(REQ_PROBE, 0x142, probe_request, REP_TRACE, "trace probe", CLV_ROLE_VIEWER, false,                 \
	  "the path of now: an empty parcel is asked for")                                                   \
	X(REQ_ENCRYPTION, 0x143, encryption_request, REP_ENCRYPTION, "report encryption", CLV_ROLE_VIEWER,   \
	  false, "is it encrypted: links, parcels, passwords, by what is stored and runs")                   \
	X(REQ_APPROVE, 0x120, approve_request, REP_DONE, "approve", CLV_ROLE_OPERATOR, true,                 \
	  "accept a node by its fingerprint")                                                                \
	X(REQ_REJECT, 0x121, reject_request, REP_DONE, "reject", CLV_ROLE_OPERATOR, true, "decline a node")  \
	X(REQ_ROTATE, 0x122, rotate_request, REP_DONE, "rotate", CLV_ROLE_OPERATOR, true,                    \
	  "have an agent make a new key")                                                                    \
	X(REQ_REMOVE, 0x123, remove_request, REP_DONE, "remove", CLV_ROLE_ADMINISTRATOR, true,               \
	  "forget a node and its keys")                                                                      \
	X(REQ_ROLE_GRANT, 0x124, role_grant_request, REP_DONE, "role grant", CLV_ROLE_ADMINISTRATOR, true,   \
	  "give a role")                                                                                     \
	X(REQ_ROLE_REVOKE, 0x125, role_revoke_request, REP_DONE, "role revoke", CLV_ROLE_ADMINISTRATOR,      \
	  true, "take a role")                                                                               \
	X(REQ_STORE_BACKUP, 0x126, store_backup_request, REP_DONE, "store backup", CLV_ROLE_ADMINISTRATOR,   \
	  true, "copy the database")                                                                         \
	X(REQ_ACCOUNT_PUT, 0x127, account_put_request, REP_DONE, "account add", CLV_ROLE_CREDENTIAL_MANAGER, \
	  true, "add or edit a RunAs account")                                                               \
	X(REQ_ACCOUNT_REMOVE, 0x128, named_remove_request, REP_DONE, "account remove",                       \
	  CLV_ROLE_CREDENTIAL_MANAGER, true, "forget a RunAs account")                                       \
	X(REQ_DISTRIBUTE, 0x129, distribute_request, REP_DONE, "account distribute",                         \
	  CLV_ROLE_CREDENTIAL_MANAGER, true, "say which hosts get it")                                       \
	X(REQ_ENTER_PASSWORD, 0x12a, enter_password_request, REP_DONE, "reenter",                            \
	  CLV_ROLE_CREDENTIAL_MANAGER, true, "enter a password, sealed")                                     \
	X(REQ_ACCOUNT_CONTINUE, 0x12b, account_continue_request, REP_DONE, "account continue",               \
	  CLV_ROLE_CREDENTIAL_MANAGER, true, "after one host has it: the rest, or stop")                     \
	X(REQ_PROFILE_ADD, 0x12c, profile_add_request, REP_DONE, "profile add", CLV_ROLE_CREDENTIAL_MANAGER, \
	  true, "add a profile")                                                                             \
	X(REQ_PROFILE_REMOVE, 0x12d, named_remove_request, REP_DONE, "profile remove",                       \
	  CLV_ROLE_CREDENTIAL_MANAGER, true, "forget a profile")                                             \
	X(REQ_ASSOCIATE, 0x12e, associate_request, REP_DONE, "profile associate",                            \
	  CLV_ROLE_CREDENTIAL_MANAGER, true, "which account a profile uses, where")                          \
	X(REQ_GROUP_PUT, 0x12f, group_put_request, REP_DONE, "group add", CLV_ROLE_CREDENTIAL_MANAGER, true, \
	  "add or edit a group")                                                                             \
	X(REQ_GROUP_REMOVE, 0x130, named_remove_request, REP_DONE, "group remove",                           \
	  CLV_ROLE_CREDENTIAL_MANAGER, true, "forget a group")                                               \
	X(REQ_ACCOUNT_ASIDE, 0x131, account_aside_request, REP_DONE, "account set aside",                    \
	  CLV_ROLE_CREDENTIAL_MANAGER, true, "nobody has to enter it again, and why")                        \
	X(REQ_ALERT_ACK, 0x13a, alert_ack_request, REP_DONE, "ack", CLV_ROLE_OPERATOR, true,                 \
	  "acknowledge an alert")                                                                            \
	X(REQ_JOIN, 0x158, join_request, REP_DONE, "join", CLV_ROLE_ADMINISTRATOR, true,                     \
	  "accept a management server by its code, sealed")                                                  \
	X(REQ_NEED_ASIDE, 0x138, need_aside_request, REP_DONE, "overview aside", CLV_ROLE_OPERATOR, true,    \
	  "a line of the overview waits until a date")                                                       \
	X(REQ_MOVE, 0x150, move_request, REP_DONE, "move", CLV_ROLE_OPERATOR, true,                          \
	  "which gateway a node comes by")                                                                   \
	X(REQ_RECOVERY_FINISH, 0x132, recovery_finish_request, REP_DONE, "recovery finish",                  \
	  CLV_ROLE_ADMINISTRATOR, true, "finish the recovery with a signed report")

/* X(symbol, number, reply body) */
#define CLV_REPLY_LIST(X)                                    \
	X(REP_REFUSED, 0x200, refused)                       \
	X(REP_DONE, 0x201, done)                             \
	X(REP_WHOAMI, 0x202, whoami)                         \
	X(REP_OVERVIEW, 0x203, overview)                     \
	X(REP_AGENTS, 0x204, agent_list)                     \
	X(REP_AGENT, 0x205, agent_detail)                    \
	X(REP_EVENTS, 0x206, event_list)                     \
	X(REP_PENDING, 0x207, pending_list)                  \
	X(REP_AUDIT, 0x208, audit_list)                      \
	X(REP_ROLES, 0x209, role_list)                       \
	X(REP_REQUESTS, 0x20a, request_list)                 \
	X(REP_SERVER_PROOF, 0x20b, server_proof)             \
	X(REP_ACCOUNTS, 0x20c, account_list)                 \
	X(REP_ACCOUNT, 0x20d, account_detail)                \
	X(REP_PROFILES, 0x20e, profile_list)                 \
	X(REP_GROUPS, 0x20f, group_list)                     \
	X(REP_SERVERS, 0x210, server_rows)                   \
	X(REP_INTAKE, 0x211, intake)                         \
	X(REP_PLAN, 0x212, plan)                             \
	X(REP_RECOVERY, 0x213, recovery)                     \
	X(REP_CLAIM, 0x214, claim_reply)                     \
	X(REP_RECOVERY_REPORT, 0x215, recovery_report_reply) \
	X(REP_EXPIRY, 0x220, thing_list)                     \
	X(REP_FOUND, 0x221, thing_list)                      \
	X(REP_AUDIT_CHECK, 0x222, audit_check)               \
	X(REP_ALERTS, 0x230, alert_list)                     \
	X(REP_TRACE, 0x231, trace)                           \
	X(REP_ENCRYPTION, 0x232, encryption)

#define CLV_REQUEST_MAX (96u * 1024u) /* most bytes of a request body: a sealed file of 64 KiB fits */

#define X(sym, num, ...) sym = num,
enum frame_type { FRAME_OFFER = 1, FRAME_ANSWER = 2, CLV_FRAME_LIST(X) };
enum request_type { CLV_REQUEST_LIST(X) };
enum reply_type { CLV_REPLY_LIST(X) };
#undef X

#define RELAY_DEPTH_MAX    4u     /* gateways in a chain */
#define RELAY_CHANNELS_MAX 10000u /* links behind one gateway; what they take grows with their number */
#define RELAY_PENDING_MAX  256u   /* of them not proven yet */

/* frames.c. May a frame of this type and size come from the other end now? initiator: we dialled, so that the
 * other end is the server (S5). */
bool frame_may(uint16_t type, size_t len, bool proven, bool initiator);

#endif
