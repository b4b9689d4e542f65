/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's version line and its KEXINIT.
 */
#include "console/ssh_kex.h"

#include <string.h>

#define KEXINIT 20

void ssh_kex_init(struct ssh_kex *k)
{
	buf_init(&k->seen, SSH_KEX_MAX);
	k->over = false;
}

void ssh_kex_release(struct ssh_kex *k)
{
	buf_release(&k->seen);
}

void ssh_kex_see(struct ssh_kex *k, struct clv_slice bytes)
{
	size_t room = SSH_KEX_MAX - buf_slice(&k->seen).len;
	if (k->over)
		return;
	if (bytes.len > room)
		bytes.len = room;
	k->over = buf_put(&k->seen, bytes, NULL) != CLV_OK || bytes.len == room;
}

/* Behind the line that begins with SSH-. */
static clv_rc skip_version(struct clv_slice *s, struct clv_err *err)
{
	while (s->len > 0) {
		const uint8_t *end = memchr(s->ptr, '\n', s->len);
		if (end == NULL)
			break;
		size_t len = (size_t)(end - s->ptr) + 1;
		bool is = len > 4 && slice_eq_str(slice_of(s->ptr, 4), "SSH-");
		s->ptr += len;
		s->len -= len;
		if (is)
			return CLV_OK;
	}
	return err_set(err, CLV_E_PROTO, "no version line");
}

clv_rc ssh_kex_offer(const struct ssh_kex *k, struct ssh_offer *out, struct clv_err *err)
{
	struct clv_slice s = buf_slice(&k->seen), body, lists[6];
	uint32_t len;
	uint8_t padding, type;
	if (skip_version(&s, err) != CLV_OK || slice_get_u32(&s, &len, err) != CLV_OK)
		return CLV_FAILED;
	if (len > 35000)
		return err_set(err, CLV_E_LIMIT, "a packet of %u bytes", len);
	if (slice_get(&s, len, &body, err) != CLV_OK || slice_get_u8(&body, &padding, err) != CLV_OK)
		return CLV_FAILED;
	if (padding > body.len)
		return err_set(err, CLV_E_PROTO, "more padding than packet");
	body.len -= padding;
	if (slice_get_u8(&body, &type, err) != CLV_OK)
		return CLV_FAILED;
	if (type != KEXINIT)
		return err_set(err, CLV_E_PROTO, "the first packet is another");
	if (slice_get(&body, 16, &lists[0], err) != CLV_OK)
		return CLV_FAILED;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		if (slice_get_lp(&body, 35000, &lists[i], err) != CLV_OK)
			return CLV_FAILED;
	}
	*out =
	    (struct ssh_offer){.kex = lists[0], .host_keys = lists[1], .ciphers = lists[3], .macs = lists[5]};
	return CLV_OK;
}

bool ssh_names_meet(struct clv_slice theirs, const char *ours)
{
	while (*ours != '\0') {
		size_t len = strcspn(ours, ",");
		struct clv_slice rest = theirs;
		while (rest.len > 0) {
			const uint8_t *comma = memchr(rest.ptr, ',', rest.len);
			size_t n = comma != NULL ? (size_t)(comma - rest.ptr) : rest.len;
			if (slice_eq(slice_of(rest.ptr, n), slice_of(ours, len)))
				return true;
			rest.ptr += n + (comma != NULL);
			rest.len -= n + (comma != NULL);
		}
		ours += len + (ours[len] == ',');
	}
	return false;
}
