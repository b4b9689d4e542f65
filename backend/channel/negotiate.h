/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offer and answer: the two frames in the clear before a channel is protected (S2 to S4). Pure:
 * encodes, decodes and decides. Used by chan.c, its tests and the fuzz target.
 */
#ifndef CHANNEL_NEGOTIATE_H
#define CHANNEL_NEGOTIATE_H

#include "channel/channel.h"

#define NEGOTIATE_NONCE_LEN  32u
#define NEGOTIATE_MECHS_MAX  8u
#define NEGOTIATE_ROLE_MAX   23u
#define NEGOTIATE_REASON_MAX 512u

/* u16 least, u16 most, nonce, u8 count and as many u8 mechanisms in order, u32 length and role. */
struct chan_offer {
	uint16_t version_min, version_max;
	uint8_t nonce[NEGOTIATE_NONCE_LEN];
	uint8_t mechs[NEGOTIATE_MECHS_MAX]; /* enum chan_mech; numbers not known here are kept */
	size_t n_mechs;
	char role[NEGOTIATE_ROLE_MAX + 1];
};

/* u16 version (0: refused), nonce, u8 choice (0: refused), u32 length and reason (UTF-8, foreign). */
struct chan_answer {
	uint16_t version;
	uint8_t nonce[NEGOTIATE_NONCE_LEN];
	enum chan_mech choice;
	char reason[NEGOTIATE_REASON_MAX + 1];
};

/* What this side can and wants. */
struct chan_means {
	enum chan_pref pref;
	bool certificate; /* has one, and it is enabled */
	bool kerberos;    /* has credentials */
};

CLV_MUST clv_rc offer_encode(const struct chan_offer *o, struct clv_buf *b, struct clv_err *err);
CLV_MUST clv_rc offer_decode(struct clv_slice body, struct chan_offer *out, struct clv_err *err);
CLV_MUST clv_rc answer_encode(const struct chan_answer *a, struct clv_buf *b, struct clv_err *err);
/* Also refuses what contradicts our own offer: a version or mechanism that was not offered. */
CLV_MUST clv_rc answer_decode(struct clv_slice body, const struct chan_offer *offer, struct chan_answer *out,
                              struct clv_err *err);
/* Fills version, choice or reason; the nonce is the caller's. */
void answer_decide(const struct chan_offer *o, const struct chan_means *ours, struct chan_answer *out);
/* T = SHA-256(offer || answer); both empty for TLS at once. */
void negotiate_t(struct clv_slice offer, struct clv_slice answer, uint8_t t[CHAN_T_LEN]);

#endif
