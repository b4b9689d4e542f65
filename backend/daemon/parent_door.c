/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local sockets' door: takes who knocks, by the kernel's word on who it is, and turns away who comes too
 * often, before anything is handed to another process (T36). Run by the parent. Pressure from outside never
 * ends it: what cannot be taken is left or closed.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/parent.h"
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define DOOR_BURST      200u /* a script that raises one alert a process is no flood */
#define DOOR_PER_SECOND 100u
#define DOOR_TURN       32 /* taken or turned away in one turn of the loop, then others have their turn */
#define DOOR_TELL_MS    60000

void parent_door_init(struct parent *p)
{
	pace_init(&p->pace, DOOR_BURST, DOOR_PER_SECOND);
}

static void turn_away(struct parent *p, int fd, uint32_t uid, int64_t now)
{
	(void)close(fd);
	p->turned_away++;
	if (p->turned_away_told && now - p->turned_away_told < DOOR_TELL_MS)
		return;
	log_warn("local callers come too often, of late uid=%u: %u were turned away", uid, p->turned_away);
	p->turned_away_told = now;
	p->turned_away = 0;
}

void parent_door(struct parent *p, int listener, void (*take)(struct parent *p, int fd))
{
	int64_t now = clock_mono_ms();

	for (int i = 0; i < DOOR_TURN; i++) {
		struct ucred cred = {.uid = (uid_t)-1};
		socklen_t len = sizeof cred;
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return; /* nobody, or no descriptor is free: they wait in the socket's queue */
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
			(void)close(fd);
		else if (!pace_take(&p->pace, cred.uid, now))
			turn_away(p, fd, cred.uid, now);
		else
			take(p, fd);
	}
}
