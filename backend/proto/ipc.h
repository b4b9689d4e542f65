/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed messages between the processes of one health service over a stream socket pair, with
 * descriptors beside them. Header: u32 body length, u16 type, u16 number of descriptors. What a
 * table has no row for ends us: a sibling that breaks the grammar is a bug or is taken over.
 */
#ifndef PROTO_IPC_H
#define PROTO_IPC_H

#include "claviger/buf.h"
#include <protobuf-c/protobuf-c.h>

#define IPC_BODY_MAX  (2u * 1024u * 1024u)  /* one message */
#define IPC_QUEUE_MAX (64u * 1024u * 1024u) /* unsent bytes; what does not fit is refused */
#define IPC_FDS_MAX   4u                    /* descriptors with one message */

/* X(symbol, number, body, descriptors) . Every edge between processes draws from this list. */
#define IPC_LIST(X)                                        \
	X(IPC_START, 1, start, 0)                          \
	X(IPC_PEER, 2, peer, 1)                            \
	X(IPC_CREDS, 3, creds, 3)                          \
	X(IPC_LISTEN, 4, listen, 1)                        \
	X(IPC_DIAL, 5, dial, 0)                            \
	X(IPC_DIALED, 6, dialed, 1)                        \
	X(IPC_DIAL_FAILED, 7, dial_failed, 0)              \
	X(IPC_LOCAL_CONSOLE, 8, local_console, 1)          \
	X(IPC_CHILD_DIED, 9, child_died, 0)                \
	X(IPC_OUTCOME, 10, outcome, 0)                     \
	X(IPC_READY, 11, ready, 0)                         \
	X(IPC_VAULT, 12, vault, 1)                         \
	X(IPC_CONN_OPEN, 20, conn_open, 0)                 \
	X(IPC_CONN_FRAME, 21, conn_frame, 0)               \
	X(IPC_CONN_CLOSED, 22, conn_closed, 0)             \
	X(IPC_CONN_PROVEN, 23, conn_proven, 0)             \
	X(IPC_CONN_CLOSE, 24, conn_close, 0)               \
	X(IPC_ADOPT, 25, adopt, 1)                         \
	X(IPC_CREDS_RESULT, 26, creds_result, 0)           \
	X(IPC_KH_FAILED, 40, kh_failed, 0)                 \
	X(IPC_KH_INFO_REQUEST, 41, kh_info_request, 0)     \
	X(IPC_KH_INFO, 42, kh_info, 0)                     \
	X(IPC_KH_INIT, 43, kh_init, 0)                     \
	X(IPC_KH_SIGN, 44, kh_sign, 0)                     \
	X(IPC_KH_SIGNED, 45, kh_signed, 0)                 \
	X(IPC_KH_PIN_GROUP, 46, kh_pin_group, 0)           \
	X(IPC_KH_MAKE_KEY, 47, kh_make_key, 0)             \
	X(IPC_KH_MADE_KEY, 48, kh_made_key, 0)             \
	X(IPC_KH_PUBLISH, 49, kh_publish, 0)               \
	X(IPC_KH_DESTROY_KEY, 50, kh_destroy_key, 0)       \
	X(IPC_KH_SEAL, 51, kh_seal, 0)                     \
	X(IPC_KH_SEALED, 52, kh_sealed, 0)                 \
	X(IPC_KH_OPEN, 53, kh_open, 0)                     \
	X(IPC_KH_OPENED, 54, kh_opened, 0)                 \
	X(IPC_KH_DONE, 55, kh_done, 0)                     \
	X(IPC_KH_ROW, 56, kh_row, 0)                       \
	X(IPC_KH_ROW_MADE, 57, kh_row_made, 0)             \
	X(IPC_KH_ROW_KEPT, 58, kh_row_kept, 0)             \
	X(IPC_KH_ROWS_CHECK, 59, kh_rows_check, 0)         \
	X(IPC_KH_ROWS_CHECKED, 60, kh_rows_checked, 0)     \
	X(IPC_KH_INTAKE_REQUEST, 61, kh_intake_request, 0) \
	X(IPC_KH_INTAKE, 62, kh_intake, 0)                 \
	X(IPC_KH_ENTER, 63, kh_enter, 0)                   \
	X(IPC_KH_ENTERED, 64, kh_entered, 0)               \
	X(IPC_KH_TRY, 65, kh_try, 0)                       \
	X(IPC_KH_TRIED, 66, kh_tried, 0)                   \
	X(IPC_KH_PINNED, 67, kh_pinned, 0)                 \
	X(IPC_KH_KEY_ACT, 76, kh_key_act, 0)               \
	X(IPC_KH_KEY_ACT_KEPT, 77, kh_key_act_kept, 0)     \
	X(IPC_KH_AUDIT_HEAD, 78, kh_audit_head, 0)         \
	X(IPC_CREDENTIAL, 80, credential, 1)               \
	X(IPC_CHECK_RUN, 81, check_run, 1)                 \
	X(IPC_CHECK_DONE, 82, check_done, 0)               \
	X(IPC_KRB_KEYTAB, 100, krb_keytab, 1)              \
	X(IPC_KRB_STEP, 101, krb_step, 0)                  \
	X(IPC_KRB_STEPPED, 102, krb_stepped, 0)            \
	X(IPC_KRB_FORGET, 103, krb_forget, 0)              \
	X(IPC_KH_HOP, 120, kh_hop, 0)                      \
	X(IPC_ALERT_CALLER, 121, alert_caller, 1)          \
	X(IPC_SIGNER_KEY, 150, signer_key, 1)              \
	X(IPC_SIGNER_HAS, 151, signer_has, 0)              \
	X(IPC_SIGNER_SIGN, 152, signer_sign, 0)            \
	X(IPC_SIGNER_ANSWER, 153, signer_answer, 0)        \
	X(IPC_KH_LIST_SIGN, 130, kh_list_sign, 0)          \
	X(IPC_KH_JOIN_SEAL, 154, kh_join_seal, 0)          \
	X(IPC_KH_JOIN_SEALED, 155, kh_join_sealed, 0)      \
	X(IPC_KH_JOIN_OPEN, 156, kh_join_open, 0)          \
	X(IPC_NOTICE, 157, notice, 0)

#define X(sym, num, ...) sym = num,
enum ipc_type { IPC_LIST(X) };
#undef X

struct ipc; /* one end of a socket pair */

/* Takes ownership of fd and makes it non-blocking. */
CLV_MUST clv_rc ipc_new(int fd, const char *peer, struct ipc **out, struct clv_err *err);
void ipc_free(struct ipc *i); /* closes; NULL is fine */
int ipc_fd(const struct ipc *i);
const char *ipc_peer(const struct ipc *i);
bool ipc_unsent(const struct ipc *i);
size_t ipc_unsent_bytes(const struct ipc *i);

/* Queues a message and tries to write. To an end that reads no more nothing is sent and nothing fails: what
 * it said before is still to be read, and ipc_read tells of its end. CLV_E_LIMIT: the queue is full, and
 * nothing of this message is in it. The descriptors' ownership moves: they are closed once sent (or on
 * failure). n_fds must be what the row says. */
CLV_MUST clv_rc ipc_send(struct ipc *i, enum ipc_type type, const ProtobufCMessage *m, const int *fds,
                         size_t n_fds, struct clv_err *err);
CLV_MUST clv_rc ipc_flush(struct ipc *i, struct clv_err *err);
/* Reads what is there. CLV_E_CLOSED when the other end is gone. */
CLV_MUST clv_rc ipc_read(struct ipc *i, struct clv_err *err);

/* What a process takes from one sibling: rows end with handler NULL. The handler owns fds and sets
 * to -1 what it keeps; the rest is closed. m is freed after it. A handler's failure is ours. */
typedef clv_rc ipc_handler(void *ctx, const ProtobufCMessage *m, int *fds, struct clv_err *err);
struct ipc_row {
	enum ipc_type type;
	ipc_handler *handler;
};
/* Hands every whole message that has arrived to its row. */
CLV_MUST clv_rc ipc_dispatch(struct ipc *i, const struct ipc_row *rows, void *ctx, struct clv_err *err);
/* Blocking, for processes that do nothing else: waits at most timeout_ms (-1: for ever) for bytes,
 * reads and dispatches what came. */
CLV_MUST clv_rc ipc_wait(struct ipc *i, const struct ipc_row *rows, void *ctx, int timeout_ms,
                         struct clv_err *err);
/* As ipc_wait, but hands over one message at most; the rest stays for a later dispatch, and nothing is waited
 * for or read while there is one. */
CLV_MUST clv_rc ipc_wait_one(struct ipc *i, const struct ipc_row *rows, void *ctx, int timeout_ms,
                             struct clv_err *err);
/* Whether a whole message, or what cannot become one, was read and is still to be dispatched. */
bool ipc_ready(const struct ipc *i);

/* A connected pair of stream sockets, close-on-exec. */
CLV_MUST clv_rc ipc_pair(int fds[2], struct clv_err *err);

#endif
